using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Network;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Load.World;
using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>What happens to the Kafka under the cells.</summary>
public enum KafkaFault
{
    /// <summary>One broker, then all of them, are away for a while: connections are closed and refused, as when the network is cut.</summary>
    Down,

    /// <summary>Every answer is late.</summary>
    Slow,

    /// <summary>Requests are answered with errors: not the leader, timed out, too few replicas, wrong coordinator.</summary>
    Errors,

    /// <summary>Partitions and consumer groups change their brokers.</summary>
    Leaders,

    /// <summary>The producers' queues are small and the brokers are away, so that the queues are full.</summary>
    Full,

    /// <summary>In the middle of a burst workers die, stay away, and come back.</summary>
    Rebalance,
}

/// <summary>The Kafka under two processes of each role fails in a way, while people talk.</summary>
public sealed class KafkaScenario(KafkaFault fault) : IScenario
{
    private static readonly WorldOptions People = new(Users: 8, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 5) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(5);

    public string Name => "kafka." + fault.ToString().ToLowerInvariant();

    public string What => fault switch
    {
        KafkaFault.Down => "a broker, then all brokers, are away for a while",
        KafkaFault.Slow => "brokers answer late",
        KafkaFault.Errors => "brokers answer produce, fetch, commit and join with errors",
        KafkaFault.Leaders => "partitions and groups change their brokers",
        KafkaFault.Full => "the producers' queues run full",
        _ => "workers leave and come back in the middle of a burst",
    };

    public bool IsShort => false;

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        var random = context.NewRandom(Name);
        var isReal = context.IsReal && RealServers.Read(Environment.GetEnvironmentVariable).Kafka is not null;
        if (isReal && fault is not (KafkaFault.Full or KafkaFault.Rebalance)) throw new SkippedException($"only the mock does that when told; {NodeScenario.Broker}.* breaks brokers");
        await using var cluster = await ClusterUnderTest.StartAsync(context, new ClusterSettings { IsApart = true, IsReal = isReal, LinksTo = isReal ? RoleLinks.Kafka : null }, cancellationToken);
        var kafka = cluster.KafkaMock is { } mock ? new KafkaCommands(mock) : null;
        if (fault == KafkaFault.Full) await ShrinkQueuesAsync(cluster, cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cluster.Router, People, cancellationToken);
        foreach (var (what, strike, heal) in Strikes(cluster, kafka, random))
        {
            arena.Talk(12);
            arena.Note(what);
            await strike(cancellationToken);
            await arena.TalkOnAsync(Away, 5, fault == KafkaFault.Full ? 60 : 8, cancellationToken);
            var open = arena.OpenNow();
            await heal(cancellationToken);
            await arena.RecoverAsync(context, what, open, RecoveryBound, cancellationToken);
        }
        return await arena.FinishAsync(TimeSpan.FromSeconds(5.5), RecoveryBound, cancellationToken);
    }

    private IEnumerable<(string What, Func<CancellationToken, Task> Strike, Func<CancellationToken, Task> Heal)> Strikes(ClusterUnderTest cluster, KafkaCommands? kafka, Random random)
    {
        Func<CancellationToken, Task> Doing(string command) => kafka?.Doing(command) ?? throw new HarnessException("The log is not the mock's.");
        switch (fault)
        {
            case KafkaFault.Down:
                foreach (var broker in new[] { "1", "2", "3", "all" }) yield return ($"broker {broker} is away", Doing($"down {broker}"), Doing($"up {broker}"));
                break;
            case KafkaFault.Slow:
                foreach (var broker in new[] { "1", "all" }) yield return ($"broker {broker} answers after 700 ms", Doing($"rtt {broker} 700"), Doing($"rtt {broker} 0"));
                break;
            case KafkaFault.Errors:
                // Produce: not the leader, timed out, too few replicas before and after the append. Fetch: not the leader. Commit and join: not the coordinator, loading, rebalancing.
                foreach (var (api, codes) in new[] { (0, "6,7,6,19,20,6"), (0, "7,7,7,7,20,20,20,20"), (1, "6,6,3,6"), (8, "16,14,27,15"), (11, "16,14,15") })
                {
                    yield return ($"requests of kind {api} are answered {codes}", Doing($"errors {api} {codes}"), static _ => Task.CompletedTask);
                }
                break;
            case KafkaFault.Leaders:
                for (var round = 0; round < 3; round++)
                {
                    var broker = 1 + random.Next(3);
                    yield return ($"groups and partitions move to broker {broker}", token => MoveAsync(cluster, kafka!, broker, token), static _ => Task.CompletedTask);
                }
                break;
            case KafkaFault.Full:
                yield return kafka is null
                    ? ("the producers' queues are full", _ => Break(cluster, LinkFault.Cut), _ => Break(cluster, LinkFault.None))
                    : ("the producers' queues are full", kafka.Doing("down all"), kafka.Doing("up all"));
                break;
            default:
                foreach (var role in new[] { "fanout", "delivery", "fanout", "delivery" })
                {
                    var process = cluster.Processes(role)[random.Next(2)];
                    yield return ($"{process.Name} leaves and comes back", _ => Leave(process, random.Next(2) == 0), _ => ComeBack(process));
                }
                break;
        }
    }

    /// <summary>All links of the victim's servers to the brokers.</summary>
    private static Task Break(ClusterUnderTest cluster, LinkFault how)
    {
        foreach (var link in cluster.Links) link.Break(how);
        return Task.CompletedTask;
    }

    private static Task Leave(ServerProcess process, bool asked)
    {
        process.Hold();
        var gone = asked ? process.Current?.Terminate() : process.Current?.Kill();
        return gone == true ? Task.CompletedTask : throw new HarnessException($"{process.Name} was gone before it was told to go.");
    }

    private static Task ComeBack(ServerProcess process)
    {
        process.Release();
        return Task.CompletedTask;
    }

    private static async Task MoveAsync(ClusterUnderTest cluster, KafkaCommands kafka, int broker, CancellationToken cancellationToken)
    {
        foreach (var group in new[] { "fanout", "delivery" }) await kafka.DoAsync(FormattableString.Invariant($"coordinator {cluster.Victim}.{group} {broker}"), cancellationToken);
        foreach (var topic in new[] { "chat.messages.1on1", "chat.messages.group", "chat.inbox" })
        {
            for (var partition = 0; partition < 4; partition++) await kafka.DoAsync(FormattableString.Invariant($"leader {cluster.Victim}.{topic} {partition} {broker}"), cancellationToken);
        }
    }

    /// <summary>The victim's servers start again with queues of a few records.</summary>
    private static async Task ShrinkQueuesAsync(ClusterUnderTest cluster, CancellationToken cancellationToken)
    {
        await File.AppendAllTextAsync(cluster.SecretFile("kafka.properties"), "queue.buffering.max.messages=20\n", cancellationToken);
        foreach (var process in new[] { "gateway", "fanout", "delivery" }.SelectMany(cluster.Processes))
        {
            if (process.Current?.Kill() != true) throw new HarnessException($"{process.Name} was gone before it was killed.");
        }
    }
}
