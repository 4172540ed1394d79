using System.Globalization;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Report;
using Chat.Cells.Bench.Servers;

namespace Chat.Cells.Bench.Workloads;

/// <summary>Workloads <c>direct</c> and <c>group50</c>: the highest rate kept up with, the latency at half of it, and the CPU at both and at a light load.</summary>
internal static class RoomsWorkload
{
    private const double LightRate = 200;
    private const int FixedRuns = 4;
    private const int HalfRuns = 3;

    public static async Task RunAsync(IServerWorld world, string workload, int rooms, int members, BenchTimes times, BenchReport report, int rate, CancellationToken cancellationToken)
    {
        void Say(string text) => report.Say($"{workload}, {world.Label}: {text}");
        using var fleet = new Fleet(world.Clients, await world.MakeRoomsAsync(rooms, members, cancellationToken), cancellationToken);
        if (!fleet.OpenAll(atATime: 100, TimeSpan.FromSeconds(60))) throw new BenchException($"{world.Label}: not all clients came in sync: {fleet.Traffic.FirstError}");
        var run = new Rooms(world, fleet, members, times.ContentBytes, Say);

        // The server's hot code is compiled for good after thousands of calls, in the background; until then the compiler takes its share of the cores.
        run.Run(members == 2 ? 1_500 : 200, times.WarmUp);
        if (rate > 0)
        {
            for (var i = 0; i < FixedRuns; i++) Show(run.Run(rate, times.HalfPhase), Say);
            return;
        }
        var saturation = run.FindSaturation(times.Phase);
        if (!saturation.Kept) report.Fault($"{workload}, {world.Label}: at no rate that was tried did 99 % come within {Rooms.Promise} ms ({saturation.Error ?? "late"})");
        var half = AtHalf(run, saturation.Offered / 2, times.HalfPhase, Say);
        var deliveries = members == 2 ? 1_000 : 10_000;
        void Add(string metric, double value, string unit) => report.Add(workload, world.Label, metric, value, unit);
        var cpu = string.Create(CultureInfo.InvariantCulture, $"server_cpu_seconds_per_{deliveries}");
        Add("delivered_per_second", saturation.DeliveredPerSecond, "1/s");
        Add(cpu, saturation.CpuPer(deliveries), "s");
        Add("p50_at_half", half.P50, "ms");
        Add("p99_at_half", half.P99, "ms");
        Add("p999_at_half", half.P999, "ms");
        Add("ack_p99_at_half", half.AckP99, "ms");
        Add(cpu + "_at_half", half.CpuPer(deliveries), "s");
        Add("generator_late_p99_at_half", half.LateP99, "ms");
        if (saturation.Kept && !half.Kept) report.Fault($"{workload}, {world.Label}: at half of saturation not everything came in time ({half.Error ?? "late"}); the machine was busy with something else");
        if (members == 2)
        {
            var light = run.Run(LightRate, times.HalfPhase);
            Add(cpu + "_at_200_per_second", light.CpuPer(deliveries), "s");
            Add("p99_at_200_per_second", light.P99, "ms");
        }
        if (world.Label == BenchReport.Bare) SameWork(workload, members, run, times, report);
        else report.Work(workload, world.Label, saturation.Offered, saturation.Delivered / Math.Max(0.01, saturation.CpuSeconds));
    }

    /// <summary>
    /// Of three phases the one with the median p99. A hundredth of a phase is 80 ms: a single disturbance decides what one of them shows. That not everything came in time is not left out.
    /// </summary>
    private static Phase AtHalf(Rooms run, double rate, TimeSpan each, Action<string> say)
    {
        var phases = new List<Phase>(HalfRuns);
        for (var i = 0; i < HalfRuns; i++)
        {
            phases.Add(run.Run(rate, each));
            Show(phases[^1], say);
        }
        return phases.Find(phase => !phase.Kept) ?? phases.OrderBy(phase => phase.P99).ElementAt(HalfRuns / 2);
    }

    private static void Show(Phase phase, Action<string> say) => say(string.Create(
        CultureInfo.InvariantCulture,
        $"{phase.Offered:F0} messages/s: p50 {phase.P50:F1}, p99 {phase.P99:F1}, p99.9 {phase.P999:F1}, max {phase.Max:F0} ms; ack p99 {phase.AckP99:F1}; generator late p99 {phase.LateP99:F1}; {phase.CpuPer(1_000):F4} CPU-s per 1,000 deliveries{(phase.Error is null ? "" : "; " + phase.Error)}"));

    /// <summary>The bare broadcaster at the very rate of each cell's saturation: what is compared is then the same work in the same time.</summary>
    private static void SameWork(string workload, int members, Rooms run, BenchTimes times, BenchReport report)
    {
        foreach (var (engine, rate) in report.RatesOf(workload))
        {
            var phase = run.Run(rate, times.Phase * 2);
            report.Say($"{workload}, {BenchReport.Bare}: {rate * (members - 1):F0}/s as {engine}: p99 {phase.P99:F1} ms, {phase.CpuPer(10_000):F4} CPU-s per 10,000");
            report.BareWork(workload, engine, phase.Delivered / Math.Max(0.01, phase.CpuSeconds));
        }
    }
}

/// <summary>How long each part takes.</summary>
internal sealed record BenchTimes(TimeSpan WarmUp, TimeSpan Phase, TimeSpan HalfPhase, TimeSpan Idle, int ContentBytes)
{
    public static BenchTimes Full { get; } = new(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(12), 100);

    public static BenchTimes Quick { get; } = new(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(6), 100);
}
