using System.Globalization;
using Chat.Cells.History.Checking;
using Chat.Cells.History.Recording;
using Chat.Cells.Load.CommandLine;
using Chat.Cells.Load.Measure;
using Chat.Cells.Load.World;
using Chat.Cells.Processes;

namespace Chat.Cells.Load.Smoke;

/// <summary>
/// <c>smoke</c>: people chat in two regions while, one after the other, a cell's server, the operator, the API server, the router and a bridge are killed with SIGKILL;
/// then the history checker says whether anything was lost, doubled or reordered.
/// </summary>
public static class SmokeRun
{
    private static readonly WorldOptions World = new(Users: 48, SecondDeviceEvery: 3, ThirdDeviceEvery: 9, DirectPerUser: 2, Groups: 10, GroupSize: 7);
    private static readonly TimeSpan FinishBound = TimeSpan.FromSeconds(60);

    public static async Task<int> RunAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        var (passed, summary) = await RunAndCheckAsync(options, cancellationToken);
        Console.WriteLine(summary); // After the cluster has said that it stopped: the last line is the result.
        return passed ? 0 : 1;
    }

    private static async Task<(bool Passed, string Summary)> RunAndCheckAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        var progress = new Progress("smoke", Console.Out, TimeProvider.System);
        var folder = Path.Combine(options.Artifacts, "smoke");
        Directory.CreateDirectory(folder);
        progress.Say($"seed {options.Seed} (repeat with --seed {options.Seed})");
        await using var target = await Target.OpenAsync(options, Path.Combine(folder, "cluster"), progress, cancellationToken);
        var recording = Path.Combine(folder, "recording.jsonl");
        using var recorder = HistoryRecorder.ToFile(recording);
        recorder.Write(new RunStarted(0, "smoke", options.Seed, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()));
        var random = new Random(options.Seed);
        var tracker = new DeliveryTracker(TimeProvider.System);
        await using var world = await RunWorld.CreateAsync(target.Router, World, random, tracker, recorder, progress, cancellationToken);
        progress.Say($"{options.Messages} messages at {options.Rate}/s; the cells' limit is 60 a minute and user with bursts of 60, which {World.Users} users stay within");

        var kills = await TalkAsync(options, target.Cluster, world, random, recorder, progress, cancellationToken);
        await FinishAsync(world, progress, cancellationToken);
        await RecordFinalAsync(world, cancellationToken);
        recorder.Flush();
        progress.Say($"checking {recording}");
        var report = HistoryChecker.Check(HistoryRecorder.Read(recording));
        Console.WriteLine(report);
        foreach (var kill in kills)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  kill {kill.Role,-10} {kill.Victim,-40} {kill.Unacked,4} unacked, {kill.InOneChannel,3} in one channel, recovery {kill.Recovery.TotalSeconds:F2} s{kill.LimitNote}"));
        }
        if (tracker.Limited > 0) Console.WriteLine($"  {tracker.Limited} answers told senders to wait for their rate limit; what they waited is in the figures");
        foreach (var line in tracker.DescribeSlow()) Console.WriteLine($"  slow: {line}");
        foreach (var refusal in world.Refusals.GroupBy(r => r).Take(5)) Console.WriteLine($"  refused {refusal.Count()} times: {refusal.Key}");
        var recovery = kills.Count == 0 ? 0 : kills.Max(k => k.Recovery.TotalSeconds);
        var summary = string.Create(
            CultureInfo.InvariantCulture,
            $"smoke: {report.Acked} acked, {report.Lost} lost, {report.Duplicated} duplicated, {report.Reordered} reordered; in-cell p99 {tracker.InCell.Percentile(99):F0} ms, cross-cell p99 {tracker.CrossCell.Percentile(99):F0} ms, recovery {recovery:F1} s");
        return (report.Passed && report.Refused == 0 && report.Unknown == 0, summary);
    }

    /// <summary>Messages at a steady rate; at seeded instants in between, the kills. Latencies are those of the time between recoveries and kills.</summary>
    private static async Task<IReadOnlyList<KillResult>> TalkAsync(
        LoadOptions options, ICluster? cluster, RunWorld world, Random random, HistoryRecorder recorder, Progress progress, CancellationToken cancellationToken)
    {
        var pacer = new Pacer(world, random);
        var results = new List<KillResult>();
        var victims = VictimsOf(cluster, options.Kills);
        var share = options.Messages / (victims.Count + 1);
        foreach (var victim in victims)
        {
            var before = (int)(share * (0.6 + (random.NextDouble() * 0.3)));
            await pacer.SendAsync(before, options.Rate, TimeProvider.System, cancellationToken);
            world.Tracker.Measuring = false;
            recorder.Write(new Note(recorder.Now, $"kill {victim}"));
            // People go on talking while the cluster recovers.
            using var recovered = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var kill = new Kill(cluster!, world, pacer, random, TimeProvider.System, progress).RunAsync(victim, cancellationToken);
            var talking = TalkOnAsync(pacer, options.Rate / 3, recovered.Token);
            try
            {
                results.Add(await kill);
            }
            finally
            {
                await recovered.CancelAsync();
                await talking;
            }
            await SettleAsync(world, cancellationToken);
            world.Tracker.Measuring = true;
        }
        await pacer.SendAsync(Math.Max(0, options.Messages - pacer.Sent), options.Rate, TimeProvider.System, cancellationToken);
        progress.Say($"{pacer.Sent} messages sent");
        return results;
    }

    /// <exception cref="LoadException">Something that the cluster has not is to be killed.</exception>
    private static IReadOnlyList<string> VictimsOf(ICluster? cluster, IReadOnlyList<string>? wanted)
    {
        var there = cluster?.Victims ?? [];
        if (wanted?.FirstOrDefault(w => !there.Contains(w)) is { } unknown) throw new LoadException($"--kills {unknown}: nothing of this kind can be killed here; there is {(there.Count == 0 ? "nothing" : string.Join(", ", there))}.");
        return wanted ?? there;
    }

    private static async Task TalkOnAsync(Pacer pacer, double rate, CancellationToken cancellationToken)
    {
        try
        {
            while (true) await pacer.SendAsync(1_000, rate, TimeProvider.System, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
    }

    private static async Task SettleAsync(RunWorld world, CancellationToken cancellationToken)
    {
        var deadline = TimeProvider.System.GetTimestamp();
        while (world.Tracker.Open > 0 && TimeProvider.System.GetElapsedTime(deadline) < TimeSpan.FromSeconds(20)) await Task.Delay(20, cancellationToken);
    }

    private static async Task FinishAsync(RunWorld world, Progress progress, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (world.Tracker.Open > 0)
        {
            if (TimeProvider.System.GetElapsedTime(start) > FinishBound)
            {
                progress.Say($"{world.Tracker.Open} messages are still not everywhere after {FinishBound.TotalSeconds} s");
                return;
            }
            await Task.Delay(50, cancellationToken);
        }
        // What must not come twice has had a heartbeat's time to do so.
        await Task.Delay(TimeSpan.FromSeconds(5.5), cancellationToken);
        progress.Say($"everything is delivered: {world.Tracker.Acked} acked, shown {world.Tracker.Shown} times");
    }

    /// <summary>Every device's timelines; every channel's history as a member of each cell reads it.</summary>
    private static async Task RecordFinalAsync(RunWorld world, CancellationToken cancellationToken)
    {
        foreach (var device in world.Devices) device.Recorder!.WriteFinal(device.Client);
        var reads = world.Conversations.SelectMany(c => c.Members.DistinctBy(m => m.Cell).Select(m => (Channel: c, Reader: m)));
        await Parallel.ForEachAsync(
            reads,
            new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken },
            async (read, token) => await read.Reader.Devices[0].Recorder!.WriteHistoryAsync(read.Reader.Devices[0].Client, read.Channel.ChannelId, token));
    }
}
