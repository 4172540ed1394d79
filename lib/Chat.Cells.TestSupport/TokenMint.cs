using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Chat.Cells.TestSupport;

/// <summary>A cell's signing key for tests, which also signs what no cell would. Written without the library under test.</summary>
/// <param name="kid">The key's name.</param>
public sealed class TokenMint(string kid) : IDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string Kid => kid;

    /// <summary>The public key's point, each coordinate in base64url.</summary>
    public (string X, string Y) PublicPoint
    {
        get
        {
            var point = key.ExportParameters(includePrivateParameters: false).Q;
            return (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        }
    }

    public void Dispose() => key.Dispose();

    public static Dictionary<string, object> Claims(string userId, DateTimeOffset now, string? issuer = null) => new()
    {
        ["iss"] = issuer ?? userId[..userId.IndexOf('.', StringComparison.Ordinal)],
        ["aud"] = "chat.cells",
        ["sub"] = userId,
        ["did"] = "01JD0000000000000000000009",
        ["iat"] = now.ToUnixTimeSeconds(),
        ["exp"] = now.AddMinutes(15).ToUnixTimeSeconds(),
    };

    public string Sign(string userId, DateTimeOffset now) => Sign(Claims(userId, now));

    public string Sign(Dictionary<string, object> claims, Dictionary<string, object>? header = null)
    {
        var head = new Dictionary<string, object> { ["alg"] = "ES256", ["typ"] = "JWT", ["kid"] = kid };
        foreach (var (name, value) in header ?? []) head[name] = value;
        var text = $"{Encode(head)}.{Encode(claims)}";
        return $"{text}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256))}";
    }

    /// <summary>A token "signed" by HMAC with the public key as the secret: the classic confusion of algorithms.</summary>
    public string SignWithHmac(Dictionary<string, object> claims)
    {
        var text = $"{Encode(new { alg = "HS256", typ = "JWT", kid })}.{Encode(claims)}";
        return $"{text}.{Base64Url.EncodeToString(HMACSHA256.HashData(key.ExportSubjectPublicKeyInfo(), Encoding.ASCII.GetBytes(text)))}";
    }

    public static string Encode(object value) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value));
}
