using System.Buffers.Text;
using System.Security.Cryptography;
using Chat.Cells.Topology;

namespace Chat.Cells.Processes;

/// <summary>Makes the secrets folders of cells and bridges, as the operator makes their Secrets.</summary>
public sealed class ClusterSecrets(string folder)
{
    private const string KeyId = "k1";

    /// <summary>The folder of a cell's or a bridge's secrets.</summary>
    public string Of(string owner) => Path.Combine(folder, owner);

    /// <summary>The name of the bridge that brings a source's records into a target.</summary>
    public static string BridgeOf(string source, string target) => $"{target}-from-{source}";

    /// <summary>Writes everything that a cell needs, and what its peers need for it.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="peers">The other cells.</param>
    /// <param name="more">Further files: what the engines want.</param>
    /// <returns>The cell's public key, for the cell map.</returns>
    public CellKey Write(string cell, IEnumerable<string> peers, IReadOnlyDictionary<string, string> more)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Write(cell, $"signing-{KeyId}.pem", key.ExportPkcs8PrivateKeyPem());
        Write(cell, "internal-token", NewToken());
        foreach (var (file, text) in more) Write(cell, file, text);
        foreach (var other in peers)
        {
            // What the other side presents here: its servers and its bridge from us (peer), and our bridge from it (bridge).
            var (peer, bridge) = (NewToken(), NewToken());
            Write(cell, $"peer-{other}", peer);
            Write(cell, $"bridge-{other}", bridge);
            Write(other, $"to-{cell}", peer);
            Write(BridgeOf(cell, other), "source-token", peer);
            Write(BridgeOf(other, cell), "target-token", bridge);
        }
        var p = key.ExportParameters(includePrivateParameters: false).Q;
        return new CellKey(KeyId, "EC", "P-256", Base64Url.EncodeToString(p.X), Base64Url.EncodeToString(p.Y));
    }

    private static string NewToken() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    private void Write(string owner, string file, string text) => SecretFile.Write(Path.Combine(Of(owner), file), text);
}
