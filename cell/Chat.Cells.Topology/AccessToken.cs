namespace Chat.Cells.Topology;

/// <summary>
/// What a valid access token says. The token is a JWT signed with ES256 by the user's home cell: header <c>kid</c>; claims <c>iss</c> (the cell's name), <c>aud</c> "chat.cells",
/// <c>sub</c> (user id), <c>did</c> (device id), <c>iat</c>, <c>exp</c> (Unix seconds).
/// </summary>
/// <param name="UserId">Claim <c>sub</c>.</param>
/// <param name="DeviceId">Claim <c>did</c>.</param>
/// <param name="Issuer">The cell that signed it: the user's home, or the birth cell.</param>
/// <param name="ExpiresAt">Claim <c>exp</c>.</param>
public sealed record AccessToken(string UserId, string DeviceId, string Issuer, DateTimeOffset ExpiresAt)
{
    /// <summary>The value of claim <c>aud</c>.</summary>
    public const string Audience = "chat.cells";

    /// <summary>The name of the device id's claim.</summary>
    public const string DeviceClaim = "did";

    /// <summary>The longest token that is looked at, in characters.</summary>
    public const int MaxLength = 4096;

    /// <summary>How far clocks may differ.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(5);
}

/// <summary>Why a token is refused.</summary>
public enum AccessTokenStatus
{
    Valid,

    /// <summary>There is no cell map yet to verify with.</summary>
    NoMap,

    /// <summary>Not a signed JWT, too long, or claims missing or of the wrong form.</summary>
    Malformed,

    /// <summary>Another algorithm than ES256.</summary>
    WrongAlgorithm,

    /// <summary>The issuer is no cell of the map.</summary>
    UnknownIssuer,

    /// <summary>The issuer has no key of this <c>kid</c>.</summary>
    UnknownKey,

    /// <summary>The signature doesn't fit.</summary>
    BadSignature,

    /// <summary>Meant for somebody else.</summary>
    WrongAudience,

    /// <summary>The issuer is neither the user's home nor the birth cell.</summary>
    ForeignIssuer,

    /// <summary><c>exp</c> has passed.</summary>
    Expired,

    /// <summary><c>nbf</c> is in the future.</summary>
    NotYetValid,
}

/// <summary>The outcome of a verification.</summary>
/// <param name="Status">Valid, or why not.</param>
/// <param name="Token">Only of a valid token.</param>
public readonly record struct AccessTokenResult(AccessTokenStatus Status, AccessToken? Token)
{
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(true, nameof(Token))]
    public bool IsValid => Status == AccessTokenStatus.Valid && Token is not null;
}
