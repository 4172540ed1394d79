using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chat.Cells.Bench.CommandLine;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Report;
using Chat.Cells.Bench.Servers;
using Chat.Cells.Bench.Workloads;

namespace Chat.Cells.Bench.Growth;

/// <summary>One point of a curve.</summary>
/// <param name="Series"><c>users</c> (connected, talking in pairs) or <c>members</c> (of each room).</param>
/// <param name="Size">How many.</param>
/// <param name="DeliveriesPerSecond">What was offered; everything was delivered.</param>
public sealed record GrowthPoint(string Series, int Size, double DeliveriesPerSecond, double CpuSecondsPer1000Deliveries, double P99Milliseconds, double ServerMegabytes);

/// <summary>How the cost of a delivery grows: with the users that are connected, at one rate of messages, and with the members of a room, at one rate of deliveries.</summary>
internal static class GrowthRun
{
    private const double DirectRate = 1_000;
    private const double DeliveryRate = 4_900;
    private static readonly int[] Users = [100, 1_000, 10_000];
    private static readonly int[] Members = [2, 10, 50, 100];

    public static async Task<int> RunAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        var report = new BenchReport(Console.Out, TimeProvider.System);
        var points = new List<GrowthPoint>();
        foreach (var users in Users) points.Add(await MeasureAsync("users", users, rooms: users / 2, members: 2, DirectRate, options, report, cancellationToken));
        foreach (var members in Members) points.Add(await MeasureAsync("members", members, rooms: 600 / members, members, DeliveryRate / (members - 1), options, report, cancellationToken));

        var docs = Path.Combine(Repository.Root, "docs");
        await File.WriteAllTextAsync(Path.Combine(docs, "growth.json"), JsonSerializer.Serialize(points, GrowthJson.Default.ListGrowthPoint) + "\n", cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(docs, "images", "growth.svg"), GrowthPlot.Draw(points), cancellationToken);
        report.Say("written to docs/growth.json and docs/images/growth.svg");
        return 0;
    }

    /// <summary>A fresh cell for each point, so that none inherits what another one left.</summary>
    private static async Task<GrowthPoint> MeasureAsync(
        string series, int size, int rooms, int members, double rate, BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        await using var engine = Engine.Embedded();
        await using var world = await CellWorld.CreateAsync(engine, Path.Combine(options.Artifacts, "bench", "growth"), rooms * members, cancellationToken);
        await world.StartAsync(cancellationToken);
        using var fleet = new Fleet(world.Clients, await world.MakeRoomsAsync(rooms, members, cancellationToken));
        if (!fleet.OpenAll(atATime: 100, TimeSpan.FromSeconds(120))) throw new BenchException($"Not all clients came in sync: {fleet.Traffic.FirstError}");
        var run = new Rooms(world, fleet, members, BenchTimes.Full.ContentBytes, report.Say);
        run.Run(rate, BenchTimes.Full.WarmUp);
        var phase = run.Run(rate, BenchTimes.Full.HalfPhase);
        if (phase.Delivered == 0) throw new BenchException($"Nothing was delivered: {phase.Error}");
        var point = new GrowthPoint(series, size, Math.Round(rate * (members - 1)), Math.Round(phase.CpuPer(1_000), 5), Math.Round(phase.P99, 2), Math.Round(world.Process.ResidentBytes / 1048576.0, 1));
        report.Say(string.Create(CultureInfo.InvariantCulture, $"{size} {series}: {point.CpuSecondsPer1000Deliveries:F4} CPU-s per 1,000 deliveries, p99 {point.P99Milliseconds:F1} ms, {point.ServerMegabytes:F0} MB"));
        return point;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(List<GrowthPoint>))]
internal sealed partial class GrowthJson : JsonSerializerContext;
