using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Load.World;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>The links of one cell's gateways, fan-outs and deliveries to Kafka, to Redis or to Cassandra are broken, one kind of server's after the other, while people talk.</summary>
/// <param name="engine">One of <see cref="RoleLinks"/>'s.</param>
public sealed class RoleLinkScenario(string engine) : IScenario
{
    private static readonly WorldOptions People = new(Users: 6, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 4) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(60);

    /// <summary>Longer than a member of a group may be silent.</summary>
    private static readonly TimeSpan[] Durations = [TimeSpan.FromSeconds(6)];

    private static readonly TimeSpan[] RealDurations = [TimeSpan.FromSeconds(9)];

    /// <summary>Longer than a request waits for its answer.</summary>
    private static readonly TimeSpan[] CassandraDurations = [TimeSpan.FromSeconds(14)];

    public string Name => $"net.roles-{engine}";

    public string What =>
        $"the links of gateways, fan-outs and deliveries to {engine switch { RoleLinks.Kafka => "Kafka", RoleLinks.Redis => "Redis", _ => "the Cassandra given" }} are cut, silenced, slowed and half opened, and heal";

    public bool IsShort => false;

    public string? Missing => engine == RoleLinks.Cassandra && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(RealServers.CassandraVariable))
        ? $"{RealServers.CassandraVariable} is not set: there is no link to a Cassandra"
        : null;

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        var random = context.NewRandom(Name);
        await using var cluster = await ClusterUnderTest.StartAsync(context, new ClusterSettings { IsApart = true, LinksTo = engine, IsReal = context.IsReal }, cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cluster.Router, People, cancellationToken);
        arena.Talk(20);
        await arena.RecoverAsync(RecoveryBound, cancellationToken);
        var links = cluster.Links.OrderBy(l => l.Name, StringComparer.Ordinal).ToArray();
        random.Shuffle(links);
        var durations = engine == RoleLinks.Cassandra ? CassandraDurations : cluster.HasBrokers ? RealDurations : Durations;
        foreach (var link in links)
        {
            var heldUp = await LinkScenario.BreakAllAsync(arena, link, durations, RecoveryBound, context, random, cancellationToken, stirs: engine == RoleLinks.Cassandra);
            // Without the store nothing is judged and nothing delivered, however many nodes there are. (Gateways show live what they are hinted at.)
            if (engine == RoleLinks.Cassandra && heldUp == 0 && !link.Name.StartsWith("gateway", StringComparison.Ordinal)) throw new HarnessException($"Nothing was held up although {link.Name} was broken in every way: the servers go round the proxies.");
        }
        return await arena.FinishAsync(TimeSpan.FromSeconds(5.5), RecoveryBound, cancellationToken);
    }
}
