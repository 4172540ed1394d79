using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Faults;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>All scenarios, in the order in which they run.</summary>
public static class Catalog
{
    public static IReadOnlyList<IScenario> All { get; } = [.. Steps(), .. Messages(), .. Clocks(), new DiskScenario(), .. Links(), .. Redis(), .. Processes(), .. Kafka(), .. Nodes()];

    private static IEnumerable<IScenario> Messages()
    {
        yield return new MessageScenario("dropped", MessageFaults.Dropped);
        yield return new MessageScenario("doubled", MessageFaults.Doubled);
        yield return new MessageScenario("reordered", MessageFaults.Reordered);
        yield return new MessageScenario("all", MessageFaults.Dropped | MessageFaults.Doubled | MessageFaults.Reordered);
    }

    private static IEnumerable<IScenario> Clocks()
    {
        foreach (var whose in new[] { "gateway", "fanout", "delivery", ClockScenario.Log })
        {
            yield return new ClockScenario(whose, isAhead: true);
            yield return new ClockScenario(whose, isAhead: false);
        }
    }

    private static IEnumerable<IScenario> Links() =>
        [.. new[] { "client-router", "router-cell", "bridge-source", "bridge-target", CellsUnderTest.BetweenCells }.Select(link => new LinkScenario(link)), .. new[] { "kafka", "redis", "cassandra" }.Select(engine => new RoleLinkScenario(engine))];

    private static IEnumerable<IScenario> Redis() => Enum.GetValues<RedisFault>().Select(fault => new RedisScenario(fault));

    private static IEnumerable<IScenario> Processes() =>
        from kind in new[] { "cell", "gateway", "fanout", "delivery" } from signal in Enum.GetValues<Signal>() select new ProcessStepScenario(signal, kind);

    private static IEnumerable<IScenario> Kafka() => Enum.GetValues<KafkaFault>().Select(fault => new KafkaScenario(fault));

    private static IEnumerable<IScenario> Nodes() =>
        from system in new[] { NodeScenario.Cassandra, NodeScenario.Broker } from fault in Enum.GetValues<NodeFault>() select new NodeScenario(system, fault);

    private static IEnumerable<IScenario> Steps()
    {
        foreach (var role in new[] { "fanout", "delivery", "bridge-in", "gateway" }) yield return new StepScenario(Treatment.Crash, role);
        foreach (var role in new[] { "fanout", "delivery", "bridge-in" }) yield return new StepScenario(Treatment.Replay, role);
        foreach (var role in new[] { "fanout", "delivery", "bridge-in" }) yield return new StepScenario(Treatment.Wake, role);
        foreach (var role in new[] { "fanout", "delivery", "bridge-in", "gateway" }) yield return new StepScenario(Treatment.Fail, role);
    }
}
