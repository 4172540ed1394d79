using Chat.Cells.Processes;
using Chat.Cells.Topology;

namespace Chat.Cells.Chaos.Cells;

/// <summary>A cell that a deployment has.</summary>
/// <param name="Public">Where the map says that it is.</param>
/// <param name="Internal">Where the map says that its internal listener is.</param>
public sealed record DeployedCell(string Name, ushort Number, string Region, Uri Public, Uri Internal);

/// <summary>The files that two cells, their bridges and a router read: the cell map and the secrets.</summary>
public sealed class Deployment(string folder)
{
    private readonly ClusterSecrets secrets = new(Path.Combine(folder, "secrets"));

    public string MapPath => Path.Combine(folder, CellMapFile.FileName);

    public string SecretsOf(string owner) => secrets.Of(owner);

    public string BridgeSecretsOf(string source, string target) => secrets.Of(ClusterSecrets.BridgeOf(source, target));

    /// <summary>Writes all of it.</summary>
    public void Write(IReadOnlyList<DeployedCell> cells)
    {
        Directory.CreateDirectory(folder);
        var entries = cells.Select(c => new CellEntry(
            c.Name, c.Number, c.Region, 100, CellState.Active, null, new CellEndpoints(c.Public, c.Internal),
            [secrets.Write(c.Name, cells.Where(o => o != c).Select(o => o.Name), new Dictionary<string, string>())]));
        CellMapFile.Write(MapPath, CellMap.Create(
            1,
            [.. entries],
            cells.ToDictionary(c => c.Region, c => (IReadOnlyList<HandleShardRange>)[new HandleShardRange(0, 255, c.Name)]),
            cells.ToDictionary(c => c.Name, c => (int)c.Number)));
    }
}
