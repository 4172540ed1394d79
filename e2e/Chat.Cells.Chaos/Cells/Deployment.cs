using System.Buffers.Text;
using System.Security.Cryptography;
using Chat.Cells.Topology;

namespace Chat.Cells.Chaos.Cells;

/// <summary>A cell that a deployment has.</summary>
/// <param name="Public">Where the map says that it is.</param>
/// <param name="Internal">Where the map says that its internal listener is.</param>
public sealed record DeployedCell(string Name, ushort Number, string Region, Uri Public, Uri Internal);

/// <summary>The files that two cells, their bridges and a router read: the cell map and the secrets.</summary>
public sealed class Deployment(string folder)
{
    public string MapPath => Path.Combine(folder, CellMapFile.FileName);

    public string SecretsOf(string owner) => Path.Combine(folder, "secrets", owner);

    public string BridgeSecretsOf(string source, string target) => SecretsOf($"{target}-from-{source}");

    /// <summary>Writes all of it.</summary>
    public void Write(IReadOnlyList<DeployedCell> cells)
    {
        Directory.CreateDirectory(folder);
        foreach (var cell in cells)
        {
            WriteSecret(cell.Name, "internal-token", NewToken());
            foreach (var other in cells.Where(c => c != cell))
            {
                // What the other side presents here: its servers and its bridge from us (peer), and our bridge from it (bridge).
                var (peer, bridge) = (NewToken(), NewToken());
                WriteSecret(cell.Name, $"peer-{other.Name}", peer);
                WriteSecret(cell.Name, $"bridge-{other.Name}", bridge);
                WriteSecret(other.Name, $"to-{cell.Name}", peer);
                WriteSecret($"{other.Name}-from-{cell.Name}", "source-token", peer);
                WriteSecret($"{cell.Name}-from-{other.Name}", "target-token", bridge);
            }
        }
        CellMapFile.Write(MapPath, CellMap.Create(
            1,
            [.. cells.Select(c => new CellEntry(c.Name, c.Number, c.Region, 100, CellState.Active, null, new CellEndpoints(c.Public, c.Internal), [WriteKey(c.Name)]))],
            cells.ToDictionary(c => c.Region, c => (IReadOnlyList<HandleShardRange>)[new HandleShardRange(0, 255, c.Name)]),
            cells.ToDictionary(c => c.Name, c => (int)c.Number)));
    }

    private static string NewToken() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    private CellKey WriteKey(string cell)
    {
        const string kid = "k1";
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        WriteSecret(cell, $"signing-{kid}.pem", key.ExportPkcs8PrivateKeyPem());
        var q = key.ExportParameters(includePrivateParameters: false).Q;
        return new CellKey(kid, "EC", "P-256", Base64Url.EncodeToString(q.X), Base64Url.EncodeToString(q.Y));
    }

    private void WriteSecret(string owner, string file, string text)
    {
        Directory.CreateDirectory(SecretsOf(owner));
        File.WriteAllText(Path.Combine(SecretsOf(owner), file), text);
    }
}
