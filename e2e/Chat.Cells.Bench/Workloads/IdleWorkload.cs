using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Report;
using Chat.Cells.Bench.Servers;

namespace Chat.Cells.Bench.Workloads;

/// <summary>
/// Workload <c>idle</c>: what a connected client that says nothing but its heartbeat costs. Memory is the growth of the server's resident memory from a server that has seen a few
/// hundred clients come and go until all are in sync and memory no longer changes.
/// </summary>
internal static class IdleWorkload
{
    private const int WarmUpClients = 400;

    public static async Task RunAsync(IServerWorld world, int clients, BenchTimes times, BenchReport report, CancellationToken cancellationToken)
    {
        void Say(string text) => report.Say($"idle, {world.Label}: {text}");
        for (var round = 0; round < 3; round++) Open(world, WarmUpClients, TimeSpan.FromSeconds(2), cancellationToken).Dispose();
        var before = await SettleAsync(world, null, cancellationToken);
        using var fleet = Open(world, clients, TimeSpan.Zero, cancellationToken);
        Say($"{fleet.Live} clients in sync");
        var after = await SettleAsync(world, fleet, cancellationToken);
        var cpu = world.CpuSeconds;
        fleet.PollUntil(static () => false, times.Idle);
        var used = world.CpuSeconds - cpu;
        after = Math.Max(after, world.ResidentBytes);
        if (fleet.Live != clients) throw new BenchException($"{world.Label}: {clients - fleet.Live} idle clients were lost: {fleet.Traffic.FirstError}");
        report.Add("idle", world.Label, "connections", clients, "1");
        report.Add("idle", world.Label, "memory_per_connection", (after - before) / 1024.0 / clients, "KB");
        report.Add("idle", world.Label, "server_memory", after / 1024.0 / 1024, "MB");
        report.Add("idle", world.Label, "server_cpu", used / times.Idle.TotalSeconds, "cores");
    }

    private static Fleet Open(IServerWorld world, int clients, TimeSpan stay, CancellationToken cancellationToken)
    {
        var fleet = new Fleet(world.Clients, world.Connections(clients), cancellationToken);
        if (!fleet.OpenAll(atATime: 200, TimeSpan.FromSeconds(120)))
        {
            fleet.Dispose();
            throw new BenchException($"{world.Label}: only {fleet.Live} of {clients} clients came in sync: {fleet.Traffic.FirstError}");
        }
        fleet.PollUntil(static () => false, stay);
        return fleet;
    }

    /// <summary>Waits until resident memory has changed by less than 1 % in 3 s, at most 20 s; clients go on with their heartbeats meanwhile.</summary>
    private static async Task<long> SettleAsync(IServerWorld world, Fleet? fleet, CancellationToken cancellationToken)
    {
        var last = world.ResidentBytes;
        for (var i = 0; i < 6; i++)
        {
            if (fleet is null) await Task.Delay(TimeSpan.FromSeconds(3), cancellationToken);
            else fleet.PollUntil(static () => false, TimeSpan.FromSeconds(3));
            var now = world.ResidentBytes;
            if (Math.Abs(now - last) < last / 100) return now;
            last = now;
        }
        return last;
    }
}
