using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Chat.Cells.Topology;

/// <summary>
/// Verifies access tokens with the public keys of the cell map. Valid ones are remembered (by hash, bounded) until they expire or the map changes. Safe for any number of threads.
/// </summary>
public sealed class AccessTokenVerifier
{
    private readonly JsonWebTokenHandler handler = new() { MaximumTokenSizeInBytes = AccessToken.MaxLength, MapInboundClaims = false };
    private readonly Func<CellMap?> map;
    private readonly TimeProvider time;
    private readonly VerifiedTokens verified;

    /// <param name="map">The map in use; asked at every verification.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cacheSize">How many valid tokens are remembered at most.</param>
    public AccessTokenVerifier(Func<CellMap?> map, TimeProvider? time = null, int cacheSize = 65_536)
    {
        this.map = map;
        this.time = time ?? TimeProvider.System;
        verified = new VerifiedTokens(cacheSize);
    }

    /// <summary>How many valid tokens are remembered.</summary>
    public int CachedTokens => verified.Count;

    /// <summary>Verifies a token; bad ones are a result, never an exception.</summary>
    public ValueTask<AccessTokenResult> VerifyAsync(string? token)
    {
        if (map() is not { } now) return new(new AccessTokenResult(AccessTokenStatus.NoMap, null));
        if (string.IsNullOrEmpty(token) || token.Length > AccessToken.MaxLength || !System.Text.Ascii.IsValid(token))
            return new(new AccessTokenResult(AccessTokenStatus.Malformed, null));
        var hash = VerifiedTokens.Hash(token);
        return verified.TryGet(hash, now, out var known) ? new(InTime(known)) : VerifyAsync(token, hash, now);
    }

    private async ValueTask<AccessTokenResult> VerifyAsync(string text, UInt128 hash, CellMap now)
    {
        if (!TryRead(text, out var jwt)) return new(AccessTokenStatus.Malformed, null);
        if (!string.Equals(jwt.Alg, SecurityAlgorithms.EcdsaSha256, StringComparison.Ordinal)) return new(AccessTokenStatus.WrongAlgorithm, null);
        // RFC 7515, 4.1.11: a critical header that isn't understood is a refusal; we understand none.
        if (jwt.TryGetHeaderValue<object>("crit", out _)) return new(AccessTokenStatus.Malformed, null);
        if (now.Find(jwt.Issuer) is not { } issuer) return new(AccessTokenStatus.UnknownIssuer, null);
        if (!now.TryGetKey(issuer.Name, jwt.Kid, out var key)) return new(AccessTokenStatus.UnknownKey, null);

        var result = await handler.ValidateTokenAsync(text, new TokenValidationParameters
        {
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            IssuerSigningKey = key,
            TryAllIssuerSigningKeys = false,
            RequireSignedTokens = true,
            ValidIssuer = issuer.Name,
            ValidAudience = AccessToken.Audience,
            ValidateLifetime = false, // below, by our clock
        });
        if (!result.IsValid)
        {
            return new(result.Exception switch
            {
                SecurityTokenInvalidAudienceException => AccessTokenStatus.WrongAudience,
                SecurityTokenMalformedException => AccessTokenStatus.Malformed,
                _ => AccessTokenStatus.BadSignature,
            }, null);
        }

        if (!jwt.TryGetPayloadValue<string>(AccessToken.DeviceClaim, out var device) || device.Length is 0 or > 64) return new(AccessTokenStatus.Malformed, null);
        if (!jwt.TryGetPayloadValue<long>(JwtRegisteredClaimNames.Exp, out var exp) || !TryGetTime(exp, out var expiresAt)) return new(AccessTokenStatus.Malformed, null);
        if (!UserId.IsValid(jwt.Subject)) return new(AccessTokenStatus.Malformed, null);
        if (!MaySign(issuer.Name, jwt.Subject, now)) return new(AccessTokenStatus.ForeignIssuer, null);
        // Not iat: it says when a token was made by the clock of the server that made it, and one server with a wrong clock must not lock its users out (RFC 7519, 4.1.6, asks for no check).
        if (IsInFuture(jwt, JwtRegisteredClaimNames.Nbf)) return new(AccessTokenStatus.NotYetValid, null);

        var token = new AccessToken(jwt.Subject, device, issuer.Name, expiresAt);
        var inTime = InTime(token);
        if (inTime.IsValid) verified.Add(hash, now, token);
        return inTime;
    }

    private static bool TryRead(string text, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out JsonWebToken? jwt)
    {
        jwt = null;
        if (text.AsSpan().Count('.') != 2) return false;
        try
        {
            jwt = new JsonWebToken(text);
            // Claims are read lazily: touch those that later code relies on.
            return jwt.Alg is not null && jwt.Kid is { Length: > 0 } && jwt.Issuer is { Length: > 0 } && jwt.Subject is { Length: > 0 };
        }
        catch (Exception e) when (e is ArgumentException or FormatException or SecurityTokenException or System.Text.Json.JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private AccessTokenResult InTime(AccessToken token) =>
        time.GetUtcNow() < token.ExpiresAt + AccessToken.ClockSkew ? new(AccessTokenStatus.Valid, token) : new(AccessTokenStatus.Expired, null);

    private bool IsInFuture(JsonWebToken jwt, string claim) =>
        jwt.TryGetPayloadValue<long>(claim, out var seconds) && (!TryGetTime(seconds, out var at) || at > time.GetUtcNow() + AccessToken.ClockSkew);

    private static bool TryGetTime(long seconds, out DateTimeOffset at)
    {
        var valid = seconds is >= 0 and <= 253_402_300_000; // the year 9999
        at = valid ? DateTimeOffset.FromUnixTimeSeconds(seconds) : default;
        return valid;
    }

    private static bool MaySign(string issuer, string userId, CellMap map) =>
        (map.HomeOf(userId) is { } home && home.Name == issuer) || (UserId.TryGetBirthCell(userId, out var birth) && birth.SequenceEqual(issuer));
}
