using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Chat.Cells.Topology;

namespace Chat.Cells.Operator.Plan;

/// <summary>Where new secrets come from; a seam so that plans are repeatable in tests.</summary>
public interface ISecretSource
{
    /// <summary>A new P-256 private key, PKCS#8 in PEM.</summary>
    byte[] SigningKey();

    /// <summary>A new token of 32 random bytes as base64url.</summary>
    byte[] Token();
}

/// <summary>Secrets from the system's generator.</summary>
public sealed class RandomSecretSource : ISecretSource
{
    /// <inheritdoc/>
    public byte[] SigningKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem());
    }

    /// <inheritdoc/>
    public byte[] Token() => Encoding.ASCII.GetBytes(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
}

/// <summary>What the secret of a cell holds, by key.</summary>
public static class CellSecretKeys
{
    public const string InternalToken = "internal-token";
    private const string SigningPrefix = "signing-";
    private const string SigningSuffix = ".pem";

    /// <summary>Token by which a peer's bridge reads our outbound for it.</summary>
    public static string Peer(string peer) => "peer-" + peer;

    /// <summary>Token by which the bridge from a peer appends here.</summary>
    public static string Bridge(string peer) => "bridge-" + peer;

    /// <summary>Token that we present to a peer.</summary>
    public static string To(string peer) => "to-" + peer;

    public static string Signing(string kid) => SigningPrefix + kid + SigningSuffix;

    public static bool IsSigning(string key) => key.StartsWith(SigningPrefix, StringComparison.Ordinal) && key.EndsWith(SigningSuffix, StringComparison.Ordinal);

    /// <summary>The peer that a key is about, or null.</summary>
    public static string? PeerOf(string key)
    {
        foreach (var prefix in new[] { "peer-", "bridge-", "to-" })
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal))
            {
                return key[prefix.Length..];
            }
        }
        return null;
    }

    /// <summary>Public halves of a cell's signing keys, by kid. A key that can't be read is left out.</summary>
    public static IReadOnlyList<CellKey> PublicKeys(IReadOnlyDictionary<string, byte[]>? secret)
    {
        var keys = new List<CellKey>();
        foreach (var (name, pem) in (secret ?? new Dictionary<string, byte[]>()).Where(s => IsSigning(s.Key)).OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            using var key = ECDsa.Create();
            try
            {
                key.ImportFromPem(Encoding.ASCII.GetString(pem));
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                continue;
            }
            var point = key.ExportParameters(includePrivateParameters: false).Q;
            keys.Add(new CellKey(name[SigningPrefix.Length..^SigningSuffix.Length], "EC", "P-256", Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y)));
        }
        return keys;
    }
}
