using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Load.World;
using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>What happens to a node.</summary>
public enum NodeFault
{
    /// <summary>It is stopped, and started again after a while.</summary>
    Down,

    /// <summary>It stands still for a while: its connections stay open and nothing is answered.</summary>
    Slow,

    /// <summary>It is stopped in the middle of a burst and started again at once.</summary>
    Restart,
}

/// <summary>
/// A node of the Cassandra or the Kafka that the environment names fails under two processes of each role, while people talk. With enough nodes everything comes through
/// meanwhile. With too few each node has a copy of everything that an answer needs, so that nothing may come through.
/// </summary>
/// <param name="system"><see cref="Cassandra"/> or <see cref="Broker"/>.</param>
/// <param name="fault">What happens.</param>
public sealed class NodeScenario(string system, NodeFault fault) : IScenario
{
    /// <summary>A node of <c>CASSANDRA_CONTACT_POINTS</c>.</summary>
    public const string Cassandra = "cassandra";

    /// <summary>A broker of <c>KAFKA_BOOTSTRAP_SERVERS</c>.</summary>
    public const string Broker = "broker";

    private static readonly WorldOptions People = new(Users: 6, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 2, GroupSize: 4) { Client = ShrunkTimes.Of };

    /// <summary>A node that starts reads its data and meets the others first.</summary>
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromMinutes(4);

    /// <summary>Without the node, where a quorum is left: the driver has to give it up.</summary>
    private static readonly TimeSpan SurvivalBound = TimeSpan.FromSeconds(90);

    /// <summary>What was already answered when the node went is through by then.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan Away = TimeSpan.FromSeconds(12);

    public string Name => $"{system}.{fault.ToString().ToLowerInvariant()}";

    public string What => fault switch
    {
        NodeFault.Down => $"{Victim} is stopped for a while",
        NodeFault.Slow => $"{Victim} is paused, shortly and for longer than any request waits",
        _ => $"{Victim} is restarted in the middle of a burst",
    };

    public bool IsShort => false;

    public bool IsAlone => true;

    public string? Missing
    {
        get
        {
            Find(out var missing);
            return missing;
        }
    }

    private string Victim => system == Cassandra ? "a node of the Cassandra given" : "a broker of the Kafka given";

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        var nodes = Find(out var missing) ?? throw new SkippedException(missing!);
        try
        {
            return await RunAsync(nodes, context, cancellationToken);
        }
        catch (ClusterException e)
        {
            throw new HarnessException(e.Message, e);
        }
    }

    private IServerNodes? Find(out string? missing) => system == Cassandra
        ? CassandraNodes.Read(Environment.GetEnvironmentVariable, out missing)
        : KafkaNodes.Read(Environment.GetEnvironmentVariable, out missing);

    private async Task<Findings> RunAsync(IServerNodes nodes, ScenarioContext context, CancellationToken cancellationToken)
    {
        var addresses = await nodes.ListAsync(cancellationToken);
        if (addresses.Count == 0) throw new HarnessException("There are no nodes.");
        var survives = addresses.Count >= nodes.Surviving;
        var victim = addresses[^1];
        await using var cluster = await ClusterUnderTest.StartAsync(context, new ClusterSettings { IsApart = true, IsReal = context.IsReal || system == Broker }, cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cluster.Router, People, cancellationToken);
        context.Say($"{addresses.Count} nodes: {(survives ? "enough" : "too few")} without {victim}");
        arena.Talk(20);
        await arena.RecoverAsync(SurvivalBound, cancellationToken);
        switch (fault)
        {
            case NodeFault.Down:
                await StrikeAsync(arena, nodes, victim, ("stop", "start"), Away, survives, context, cancellationToken);
                break;
            case NodeFault.Slow:
                for (var round = 0; round < 3; round++) await StrikeAsync(arena, nodes, victim, ("pause", "resume"), TimeSpan.FromSeconds(1), null, context, cancellationToken);
                await StrikeAsync(arena, nodes, victim, ("pause", "resume"), Away, survives, context, cancellationToken);
                break;
            default:
                await StrikeAsync(arena, nodes, victim, ("stop", "start"), TimeSpan.Zero, null, context, cancellationToken);
                break;
        }
        return await arena.FinishAsync(TimeSpan.FromSeconds(5.5), RecoveryBound, cancellationToken);
    }

    /// <param name="arena">Who talks.</param>
    /// <param name="nodes">The command.</param>
    /// <param name="victim">The node.</param>
    /// <param name="commands">What is done to it, and what undoes that.</param>
    /// <param name="away">The time between.</param>
    /// <param name="survives">Whether what is said meanwhile must or must not come through; null: it may.</param>
    /// <param name="context">To tell.</param>
    /// <param name="cancellationToken">Gives up; the node is healed all the same.</param>
    private static async Task StrikeAsync(
        Arena arena, IServerNodes nodes, string victim, (string Strike, string Heal) commands, TimeSpan away, bool? survives, ScenarioContext context, CancellationToken cancellationToken)
    {
        arena.Talk(12);
        arena.Note($"{commands.Strike} {victim}");
        try
        {
            var striking = nodes.DoAsync(commands.Strike, victim, CancellationToken.None);
            arena.Talk(12);
            await striking;
            if (survives is not null) await Task.Delay(Settling, cancellationToken);
            var before = arena.OpenNow();
            var said = new HashSet<string>();
            for (var part = 0; part < 4; part++)
            {
                arena.Talk(6);
                said.UnionWith(arena.OpenNow().Except(before));
                await Task.Delay(away / 4, cancellationToken);
            }
            if (survives == true) await arena.RecoverAsync(SurvivalBound, cancellationToken);
            if (survives == false && said.Except(arena.OpenNow()).Count() is > 0 and var through) throw new ProductFailedException($"{through} of {said.Count} messages came through without it");
        }
        finally
        {
            await nodes.DoAsync(commands.Heal, victim, CancellationToken.None);
        }
        var open = arena.OpenNow();
        if (survives == false && open.Count == 0) throw new HarnessException($"Nothing was held up although {victim} was away.");
        await arena.RecoverAsync(context, FormattableString.Invariant($"{commands.Strike} {victim} for {away.TotalSeconds:F0} s"), open, RecoveryBound, cancellationToken);
    }
}
