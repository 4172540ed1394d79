namespace Chat.Cells.Topology.Tests;

/// <summary>Small cell maps for tests.</summary>
internal static class Maps
{
    /// <summary>The mint's key as the map names it.</summary>
    public static CellKey KeyOf(TokenMint mint) => new(mint.Kid, "EC", "P-256", mint.PublicPoint.X, mint.PublicPoint.Y);

    public static CellEntry Cell(string name, int number, string region, int weight = 100, CellState state = CellState.Active, string? successor = null, params CellKey[] keys) =>
        new(name, number, region, weight, state, successor, new CellEndpoints(new Uri($"http://127.0.1.{number}:8080"), new Uri($"http://127.0.1.{number}:8081")), keys);

    public static CellMap Create(params CellEntry[] cells) => Create(1, cells);

    public static CellMap Create(long version, params CellEntry[] cells) =>
        CellMap.Create(version, cells, Shards(cells), cells.ToDictionary(c => c.Name, c => c.Number));

    public static Dictionary<string, IReadOnlyList<HandleShardRange>> Shards(IEnumerable<CellEntry> cells) =>
        cells.GroupBy(c => c.Region).ToDictionary(g => g.Key, g => (IReadOnlyList<HandleShardRange>)[new HandleShardRange(0, 255, g.First().Name)]);

    public static CellMap TwoRegions(long version = 1, params CellKey[] euKeys) => Create(version, Cell("eu-west-1", 1, "eu-west", keys: euKeys), Cell("us-east-1", 2, "us-east"));
}
