using System.Globalization;
using Chat.Cells.Load.CommandLine;
using Chat.Cells.Load.Measure;
using Chat.Cells.Load.World;
using Chat.Cells.Processes;

namespace Chat.Cells.Load.Bench;

/// <summary><c>bench</c>: latency in an open loop at a steady rate, and how much goes through when everyone sends as fast as they are answered.</summary>
public static class BenchRun
{
    private const string Engine = "embedded";
    /// <summary>The servers' hot code is compiled for good after some thousand calls; until then the compiler takes its share of the cores.</summary>
    private const int WarmUpMessages = 3_000;

    private const int Burst = 60;
    private const int UnlimitedEach = 200;
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan FinishBound = TimeSpan.FromSeconds(60);

    public static async Task<int> RunAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        var progress = new Progress("bench", Console.Out, TimeProvider.System);
        await using var target = await Target.OpenAsync(options, Path.Combine(options.Artifacts, "bench", "cluster"), progress, cancellationToken);
        var random = new Random(options.Seed);
        var tracker = new DeliveryTracker(TimeProvider.System) { Measuring = false };
        var shape = new WorldOptions(options.Users, SecondDeviceEvery: 0, ThirdDeviceEvery: 0, DirectPerUser: 4, Groups: 0, GroupSize: 0);
        await using var world = await RunWorld.CreateAsync(target.Router, shape, random, tracker, null, progress, cancellationToken);
        progress.Say($"seed {options.Seed}; generator and servers share {Environment.ProcessorCount} cores");
        progress.Say("durability: each cell appends to its segment log with fdatasync before it acks (group commit) and stores in SQLite with synchronous=FULL; one copy, one disk");

        var pacer = new Pacer(world, random);
        progress.Say($"{WarmUpMessages} messages to warm up");
        await pacer.SendAsync(WarmUpMessages, options.Rate, TimeProvider.System, cancellationToken);
        await FinishAsync(tracker, progress, cancellationToken);
        var results = new List<BenchResult>();
        await SteadyAsync(options, target.Cluster, tracker, pacer, results, progress, cancellationToken);
        await FastestAsync(options, target.Cluster, world, pacer, results, progress, cancellationToken);
        await IdleAsync(target.Cluster, results, progress, cancellationToken);

        Console.WriteLine();
        Console.WriteLine($"{"workload",-28} {"metric",-30} {"value",12} unit");
        foreach (var r in results) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{r.Workload,-28} {r.Metric,-30} {r.Value,12:F2} {r.Unit}"));
        var file = Path.Combine(options.Artifacts, "bench-cells.json");
        new BenchFile(results).Write(file);
        progress.Say($"written to {file}");
        foreach (var line in tracker.DescribeSlow()) Console.WriteLine($"  slow: {line}");
        foreach (var refusal in world.Refusals.GroupBy(r => r).Take(5)) Console.WriteLine($"  refused {refusal.Count()} times: {refusal.Key}");
        return tracker.Open == 0 && tracker.Refused == 0 ? 0 : 1;
    }

    /// <summary>What the servers use while everyone is connected and nobody speaks.</summary>
    private static async Task IdleAsync(ICluster? cluster, List<BenchResult> results, Progress progress, CancellationToken cancellationToken)
    {
        var cpu = new CpuMeter(cluster);
        if (cpu.Processes == 0) return;
        progress.Say($"{IdleTime.TotalSeconds} s of silence");
        await Task.Delay(IdleTime, cancellationToken);
        results.Add(new BenchResult("idle", Engine, "server CPU", cpu.Used / IdleTime.TotalSeconds, "cores"));
    }

    private static async Task SteadyAsync(
        LoadOptions options, ICluster? cluster, DeliveryTracker tracker, Pacer pacer, List<BenchResult> results, Progress progress, CancellationToken cancellationToken)
    {
        var workload = string.Create(CultureInfo.InvariantCulture, $"direct, {options.Rate:F0}/s open loop");
        var cpu = new CpuMeter(cluster);
        var count = (int)(options.Rate * options.Seconds);
        progress.Say($"{count} messages at {options.Rate}/s");
        tracker.Measuring = true;
        var shownBefore = tracker.Shown;
        await pacer.SendAsync(count, options.Rate, TimeProvider.System, cancellationToken);
        await FinishAsync(tracker, progress, cancellationToken);
        tracker.Measuring = false;
        var used = cpu.Used;
        void Add(string metric, double value, string unit) => results.Add(new BenchResult(workload, Engine, metric, value, unit));
        foreach (var (name, latencies) in new[] { ("in-cell delivery", tracker.InCell), ("cross-cell delivery", tracker.CrossCell), ("ack", tracker.Acks) })
        {
            Add($"{name} p50", latencies.Percentile(50), "ms");
            Add($"{name} p99", latencies.Percentile(99), "ms");
            Add($"{name} max", latencies.Percentile(100), "ms");
        }
        Add("deliveries", tracker.Shown - shownBefore, "count");
        if (cpu.Processes > 0) Add("server CPU per 1,000 messages", used / count * 1_000, "CPU-s");
    }

    /// <summary>Every user keeps a few sends on the wire, as many messages as the rate limit's burst allows each.</summary>
    private static async Task FastestAsync(
        LoadOptions options, ICluster? cluster, RunWorld world, Pacer pacer, List<BenchResult> results, Progress progress, CancellationToken cancellationToken)
    {
        var each = UnlimitedEach;
        if (cluster is not DirectCluster)
        {
            // The bucket of 60 has refilled by one a second meanwhile.
            var left = Math.Min(Burst, Burst - (pacer.Sent / options.Users) + options.Seconds);
            each = Math.Max(5, left - 5);
            progress.Say($"the rate limit's burst allows {each} messages a user");
        }
        var count = each * options.Users;
        progress.Say($"{count} messages as fast as they are accepted");
        var tracker = world.Tracker;
        var (ackedBefore, shownBefore) = (tracker.Acked, tracker.Shown);
        var cpu = new CpuMeter(cluster);
        var start = TimeProvider.System.GetTimestamp();
        pacer.Burst(count, 0);
        while (tracker.Acked + tracker.Refused - ackedBefore < count && TimeProvider.System.GetElapsedTime(start) < FinishBound) await Task.Delay(5, cancellationToken);
        var acked = TimeProvider.System.GetElapsedTime(start);
        var ackedCount = tracker.Acked - ackedBefore;
        await FinishAsync(tracker, progress, cancellationToken);
        var delivered = TimeProvider.System.GetElapsedTime(start);
        const string workload = "direct, as fast as possible";
        results.Add(new BenchResult(workload, Engine, "acked", ackedCount / acked.TotalSeconds, "messages/s"));
        results.Add(new BenchResult(workload, Engine, "delivered", (tracker.Shown - shownBefore) / delivered.TotalSeconds, "deliveries/s"));
        if (cpu.Processes > 0) results.Add(new BenchResult(workload, Engine, "server CPU per 1,000 messages", cpu.Used / count * 1_000, "CPU-s"));
    }

    private static async Task FinishAsync(DeliveryTracker tracker, Progress progress, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (tracker.Open > 0)
        {
            if (TimeProvider.System.GetElapsedTime(start) > FinishBound)
            {
                progress.Say($"{tracker.Open} messages are still not everywhere after {FinishBound.TotalSeconds} s");
                return;
            }
            await Task.Delay(10, cancellationToken);
        }
    }
}
