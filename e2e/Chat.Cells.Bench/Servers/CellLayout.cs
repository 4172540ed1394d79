namespace Chat.Cells.Bench.Servers;

/// <summary>The processes of a cell under load.</summary>
/// <param name="Servers">What each is called, and its roles; null: all of them. Those that serve clients come first.</param>
/// <param name="Gateways">How many of them serve clients.</param>
internal sealed record CellLayout(IReadOnlyList<(string Id, string? Roles)> Servers, int Gateways)
{
    /// <summary>One process with all roles.</summary>
    public static readonly CellLayout OneProcess = new([("cell", null)], 1);

    /// <summary>So many gateways, a fan-out and a delivery: a process each. Their log and state have to be shared ones.</summary>
    public static CellLayout WithGateways(int count) =>
        new([.. Enumerable.Range(0, count).Select(i => ($"gateway-{i}", (string?)"gateway")), ("fanout-0", "fanout"), ("delivery-0", "delivery")], count);
}
