using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;
using Chat.Cells.Bench.Report;
using Chat.Cells.Bench.Servers;

namespace Chat.Cells.Bench.Workloads;

/// <summary>
/// Workload <c>storm</c>: the server is killed with all clients connected and started again at once; each client comes back by the back-off that the protocol's page asks for, with its
/// cursor, and counts as back when its sync has ended.
/// </summary>
internal sealed class StormWorkload(IServerWorld world, int clients, BenchReport report)
{
    private const double FirstWait = 1;
    private const double LongestWait = 30;
    private static readonly long AttemptBound = 15 * Clock.Second; // the SDK's
    private readonly PriorityQueue<Connection, long> waiting = new();
    private readonly long[] attemptEnds = new long[clients];
    private readonly List<double> back = [];
    private readonly Random random = new(2);
    private long killedAt;
    private int attempts;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var fleet = new Fleet(world.Clients, world.Connections(clients), cancellationToken);
        if (!fleet.OpenAll(atATime: 200, TimeSpan.FromSeconds(120))) throw new BenchException($"{world.Label}: not all clients came in sync: {fleet.Traffic.FirstError}");
        fleet.PollUntil(static () => false, TimeSpan.FromSeconds(5));
        fleet.Traffic.Clear();
        fleet.OnLost = Wait;
        fleet.OnLive = connection =>
        {
            attemptEnds[connection.Index] = long.MaxValue;
            back.Add((Clock.Now - killedAt) / (double)Clock.Second);
        };
        killedAt = Clock.Now;
        await world.KillAsync();
        world.Launch();
        cancellationToken.ThrowIfCancellationRequested();
        var nextCheck = Clock.Now + Clock.Second;
        var all = fleet.PollUntil(() => Drive(fleet, ref nextCheck), TimeSpan.FromSeconds(120));
        if (!all) report.Fault($"storm, {world.Label}: {clients - fleet.Live} clients were not back after 120 s: {fleet.Traffic.FirstError}");
        report.Add("storm", world.Label, "clients", clients, "1");
        foreach (var percent in new[] { 50, 95, 100 })
        {
            var rank = (int)Math.Ceiling(clients * percent / 100.0);
            report.Add("storm", world.Label, $"seconds_until_{percent}_percent", rank <= back.Count ? back[rank - 1] : 120, "s");
        }
        report.Add("storm", world.Label, "attempts_per_client", attempts / (double)clients, "1");
        report.Add("storm", world.Label, "server_cpu", world.CpuSeconds, "s");
    }

    /// <summary>Opens what has waited long enough; true when all are back.</summary>
    private bool Drive(Fleet fleet, ref long nextCheck)
    {
        var now = Clock.Now;
        while (waiting.TryPeek(out var connection, out var due) && due <= now)
        {
            waiting.Dequeue();
            attempts++;
            attemptEnds[connection.Index] = now + AttemptBound;
            fleet.Open(connection);
        }
        if (now >= nextCheck)
        {
            nextCheck = now + Clock.Second;
            foreach (var connection in fleet.Connections)
            {
                if (connection.State is not (ConnectionState.Closed or ConnectionState.Live) && attemptEnds[connection.Index] < now) fleet.GiveUp(connection, "no sync within 15 s");
            }
        }
        // Until the resets have been read all still look alive.
        return back.Count >= clients && fleet.Live == clients;
    }

    /// <summary>Between half and all of 1 s, doubled with each failure up to 30 s, as the SDKs wait.</summary>
    private void Wait(Connection connection)
    {
        var wait = (0.5 + random.NextDouble() / 2) * Math.Min(LongestWait, FirstWait * Math.Pow(2, connection.Failures++));
        waiting.Enqueue(connection, Clock.Now + (long)(wait * Clock.Second));
    }
}
