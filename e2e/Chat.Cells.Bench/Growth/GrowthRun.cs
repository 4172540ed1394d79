using System.Globalization;
using Chat.Cells.Bench.CommandLine;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;
using Chat.Cells.Bench.Report;
using Chat.Cells.Bench.Servers;
using Chat.Cells.Bench.Workloads;
using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Bench.Growth;

/// <summary>
/// How the cost of a delivery grows: with the users that are connected, at one rate of messages; with the members of a room, at one rate of deliveries; and with the gateways that the
/// same users at the same rate are spread over. A fresh cell for each point, so that none inherits what another one left.
/// </summary>
internal sealed class GrowthRun(GrowthOptions options, BenchReport report)
{
    private const int Phases = 3;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Each = TimeSpan.FromSeconds(4);

    private static readonly int[] Users = [100, 1_000, 10_000];
    private static readonly int[] Members = [2, 10, 50, 100];
    private static readonly int[] Gateways = [1, 2, 4];
    private const double UsersRate = 1_000;
    private const double MembersDeliveries = 4_900;
    private const int GatewayRooms = 50;
    private const int GatewayMembers = 10;
    private const double GatewayRate = 50;

    private readonly string data = Path.Combine(options.Artifacts, "bench", "growth");

    /// <summary>0: done; 2: a curve could not be measured.</summary>
    public static async Task<int> RunAsync(GrowthOptions options, CancellationToken cancellationToken)
    {
        var report = new BenchReport(Console.Out, TimeProvider.System);
        var run = new GrowthRun(options, report);
        var json = Path.Combine(options.Docs, "growth.json");
        var before = GrowthFile.Read(json) ?? new GrowthFile(0, []);
        var measured = new List<GrowthSeries>();
        foreach (var name in options.Series)
        {
            try
            {
                measured.Add(await run.MeasureAsync(name, cancellationToken));
            }
            catch (Exception e) when (e is BenchException or ClusterException)
            {
                report.Fault($"{name} could not be measured: {e.Message}");
            }
        }
        var growth = before.With(measured, [GrowthOptions.Users, GrowthOptions.Members, GrowthOptions.Gateways]) with { Cores = Environment.ProcessorCount };
        var page = Path.Combine(options.Docs, "performance.md");
        var text = GrowthTable.Put(await File.ReadAllTextAsync(page, cancellationToken), growth);
        growth.Write(json);
        Directory.CreateDirectory(Path.Combine(options.Docs, "images"));
        await File.WriteAllTextAsync(Path.Combine(options.Docs, "images", "growth.svg"), GrowthPlot.Draw(growth), cancellationToken);
        await File.WriteAllTextAsync(page, text, cancellationToken);
        report.Say($"written: {json}, images/growth.svg and the table of performance.md beside it");
        return report.Faults.Count == 0 ? 0 : 2;
    }

    private Task<GrowthSeries> MeasureAsync(string name, CancellationToken cancellationToken) => name switch
    {
        GrowthOptions.Users => MeasureAsync(
            new GrowthSeries(
                name, "connected users", "", string.Create(CultureInfo.InvariantCulture, $"one process with all roles; users talk in pairs, {UsersRate:N0} messages/s between them, however many they are"), null, []),
            static _ => Task.FromResult(Engine.Embedded()),
            Users,
            users => new Shape(CellLayout.OneProcess, users / 2, 2, UsersRate),
            cancellationToken),
        GrowthOptions.Members => MeasureAsync(
            new GrowthSeries(
                name, "members of each room", "", string.Create(CultureInfo.InvariantCulture, $"one process with all roles, 600 users; as many messages as make {MembersDeliveries:N0} deliveries/s"), null, []),
            static _ => Task.FromResult(Engine.Embedded()),
            Members,
            members => new Shape(CellLayout.OneProcess, 600 / members, members, MembersDeliveries / (members - 1)),
            cancellationToken),
        _ => MeasureAsync(
            new GrowthSeries(
                name,
                "gateway processes",
                "",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"so many gateways, one fan-out, one delivery, each a process; {GatewayRooms * GatewayMembers} users in rooms of {GatewayMembers}, neighbours on different gateways, {GatewayRate:N0} messages/s"),
                null,
                []),
            StartSharedAsync,
            Gateways,
            gateways => new Shape(CellLayout.WithGateways(gateways), GatewayRooms, GatewayMembers, GatewayRate),
            cancellationToken),
    };

    /// <summary>Processes can share a log and a state only where these are servers: the given ones, else a mock broker and a Redis of the run.</summary>
    private Task<Engine> StartSharedAsync(CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(RealServers.KafkaVariable) is { Length: > 0 })
            return Engine.FromEnvironmentAsync(data + "-servers", shared: true, Environment.GetEnvironmentVariable, cancellationToken);
        return EngineServers.MissingForSeparateRoles is { } missing ? throw new BenchException(missing) : Engine.StartMockAsync(data + "-servers", cancellationToken);
    }

    private async Task<GrowthSeries> MeasureAsync(GrowthSeries series, Func<CancellationToken, Task<Engine>> start, IReadOnlyList<int> sizes, Func<int, Shape> shape, CancellationToken cancellationToken)
    {
        var points = new List<GrowthPoint>();
        foreach (var size in sizes)
        {
            report.Say(string.Create(CultureInfo.InvariantCulture, $"{size} {series.Over}:"));
            await using var engine = await start(cancellationToken);
            foreach (var line in engine.Lines.Where(_ => points.Count == 0)) report.Say(line);
            await using var world = await CellWorld.CreateAsync(engine, shape(size).Layout, data, shape(size).Rooms * shape(size).Members, cancellationToken);
            await ((IServerWorld)world).StartAsync(cancellationToken);
            series = series with { Engine = engine.Label, Void = (await world.ReadDurabilityAsync(cancellationToken)).Void };
            points.Add(await MeasureAsync(world, engine, size, shape(size), cancellationToken));
        }
        return series with { Points = points };
    }

    private async Task<GrowthPoint> MeasureAsync(CellWorld world, Engine engine, int size, Shape shape, CancellationToken cancellationToken)
    {
        using var fleet = new Fleet(world.Clients, await world.MakeRoomsAsync(shape.Rooms, shape.Members, cancellationToken), cancellationToken);
        if (!fleet.OpenAll(atATime: 100, TimeSpan.FromSeconds(120))) throw new BenchException($"Not all clients came in sync: {fleet.Traffic.FirstError}");
        var run = new Rooms(world, fleet, shape.Members, BenchTimes.Full.ContentBytes, report.Say);
        run.Run(shape.Rate, WarmUp);
        var phases = new List<Measured>();
        for (var i = 0; i < Phases; i++) phases.Add(Measure(world, engine, run, shape.Rate));
        if (phases.Any(p => p.Phase.Delivered == 0)) throw new BenchException($"Nothing was delivered: {phases[0].Phase.Error}");

        double Median(Func<Measured, double> of, int digits) => Math.Round(phases.Select(of).Order().ElementAt(Phases / 2), digits);
        var point = new GrowthPoint(
            size,
            Math.Round(shape.Rate * (shape.Members - 1)),
            phases.All(p => p.Phase.Kept),
            Median(p => p.Phase.CpuPer(1_000), 5),
            world.Servers.Count == 1 ? null : Median(p => p.GatewayCpu / p.Phase.Delivered * 1_000, 5),
            engine.CpuSeconds > 0 ? Median(p => p.EngineCpu / p.Phase.Delivered * 1_000, 5) : null,
            Median(p => p.Phase.P50, 2),
            Median(p => p.Phase.P99, 2),
            Median(p => p.Phase.LateP99, 2),
            Math.Round(world.Gateways.Average(g => g.ResidentBytes) / 1048576, 1),
            Median(p => p.OtherCores, 2));
        report.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"  {point.DeliveriesPerSecond:F0} deliveries/s{(point.KeptUp ? "" : " (late)")}: {point.Cpu:F3} CPU-s per 1,000{(point.GatewayCpu is { } gateways ? $" (gateways {gateways:F3})" : "")}, p50 {point.P50:F1} ms, p99 {point.P99:F1} ms, {point.Megabytes:F0} MB a server; other work {point.OtherCores:F2} cores"));
        return point;
    }

    private static Measured Measure(CellWorld world, Engine engine, Rooms run, double rate)
    {
        double Gateways() => world.Gateways.Sum(g => g.CpuSeconds);
        double Ours() => ((IServerWorld)world).CpuSeconds + engine.CpuSeconds + MachineCpu.OwnSeconds;
        var (began, gateways, engines, ours, all) = (Clock.Now, Gateways(), engine.CpuSeconds, Ours(), MachineCpu.Seconds);
        var phase = run.Run(rate, Each);
        var seconds = (Clock.Now - began) / (double)Clock.Second;
        return new Measured(phase, Gateways() - gateways, engine.CpuSeconds - engines, Math.Max(0, (MachineCpu.Seconds - all - (Ours() - ours)) / seconds));
    }

    /// <param name="Rate">Messages a second.</param>
    private sealed record Shape(CellLayout Layout, int Rooms, int Members, double Rate);

    private sealed record Measured(Phase Phase, double GatewayCpu, double EngineCpu, double OtherCores);
}
