using Chat.Cells.Chaos.Cells;
using Chat.Cells.Load.World;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>The links of one cell's gateways, fan-outs and deliveries to Kafka or to Redis are broken, one kind of server's after the other, while people talk.</summary>
/// <param name="engine"><c>kafka</c> or <c>redis</c>.</param>
public sealed class RoleLinkScenario(string engine) : IScenario
{
    private static readonly WorldOptions People = new(Users: 6, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 4) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(60);

    /// <summary>Longer than a member of a group may be silent.</summary>
    private static readonly TimeSpan[] Durations = [TimeSpan.FromSeconds(6)];

    private static readonly TimeSpan[] RealDurations = [TimeSpan.FromSeconds(9)];

    public string Name => $"net.roles-{engine}";

    public string What => $"the links of gateways, fan-outs and deliveries to {(engine == "kafka" ? "Kafka" : "Redis")} are cut, silenced, slowed and half opened, and heal";

    public bool IsShort => false;

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        var random = context.NewRandom(Name);
        await using var cluster = await ClusterUnderTest.StartAsync(context, new ClusterSettings { IsApart = true, HasLinks = true, IsReal = context.IsReal }, cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cluster.Router, People, cancellationToken);
        arena.Talk(20);
        await arena.RecoverAsync(arena.OpenNow(), TimeProvider.System.GetTimestamp(), RecoveryBound, cancellationToken);
        var links = cluster.Links.Where(l => l.Key.EndsWith("-" + engine, StringComparison.Ordinal)).Select(l => l.Value).OrderBy(l => l.Name, StringComparer.Ordinal).ToArray();
        random.Shuffle(links);
        foreach (var link in links) await LinkScenario.BreakAllAsync(arena, link, cluster.HasBrokers ? RealDurations : Durations, RecoveryBound, context, random, cancellationToken);
        return await arena.FinishAsync(TimeSpan.FromSeconds(5.5), RecoveryBound, cancellationToken);
    }
}
