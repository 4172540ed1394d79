using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Accounts;

/// <summary>Issues access tokens: JWTs signed with ES256. What they say: <see cref="AccessToken"/>.</summary>
public sealed class TokenIssuer(CellOptions options, Func<SigningKey> signingKey, TimeProvider time)
{
    public (string Token, DateTimeOffset ExpiresAt) Issue(string userId, string deviceId)
    {
        var key = signingKey();
        var now = time.GetUtcNow();
        var expiresAt = DateTimeOffset.FromUnixTimeSeconds((now + options.AccessTokenLifetime).ToUnixTimeSeconds());
        var header = Encode(w =>
        {
            w.WriteString("alg", "ES256");
            w.WriteString("typ", "JWT");
            w.WriteString("kid", key.Kid);
        });
        var payload = Encode(w =>
        {
            w.WriteString("iss", options.Cell);
            w.WriteString("aud", AccessToken.Audience);
            w.WriteString("sub", userId);
            w.WriteString(AccessToken.DeviceClaim, deviceId);
            w.WriteNumber("iat", now.ToUnixTimeSeconds());
            w.WriteNumber("exp", expiresAt.ToUnixTimeSeconds());
        });
        var signature = key.Sign(Encoding.ASCII.GetBytes($"{header}.{payload}"));
        return ($"{header}.{payload}.{Base64Url.EncodeToString(signature)}", expiresAt);
    }

    private static string Encode(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream(256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        return Base64Url.EncodeToString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }
}
