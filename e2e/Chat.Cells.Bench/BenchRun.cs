using Chat.Cells.Bench.CommandLine;
using Chat.Cells.Bench.Report;
using Chat.Cells.Bench.Servers;
using Chat.Cells.Bench.SocketFree;
using Chat.Cells.Bench.Workloads;
using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Bench;

/// <summary>A whole run: every workload on every engine, each server in a fresh process; the table, the targets and <c>bench.json</c>.</summary>
internal sealed class BenchRun(BenchOptions options, BenchReport report)
{
    private readonly BenchTimes times = options.Quick ? BenchTimes.Quick : BenchTimes.Full;
    private readonly string data = Path.Combine(options.Artifacts, "bench");

    private bool failed;

    /// <summary>0: done, targets met or not (the table says which); 2: the run could not be finished.</summary>
    public static async Task<int> RunAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        var report = new BenchReport(Console.Out, TimeProvider.System);
        var run = new BenchRun(options, report);
        report.Say($"{Environment.ProcessorCount} cores, shared by the server and the generator; the cell is driven directly: one process, all roles, no router");
        report.Say($"the rate limit of 60 messages a minute and user is off (--messages-per-minute 0): {options.Sockets} users send more than their number could");
        report.Say($"messages of {run.times.ContentBytes} bytes; clients beat every 5 s and ack what they have with it");

        var targets = new List<Target>(Target.Embedded);
        foreach (var (name, start) in run.Engines())
        {
            await run.TryAsync(name, async () =>
            {
                await using var engine = await start(cancellationToken);
                await run.MeasureAsync(engine, cancellationToken);
                if (engine is { HasTargets: true, Label: not "embedded" }) targets.AddRange(Target.OnKafka(engine.Label));
            });
        }
        if (run.IsAsked("bare")) await run.MeasureBareAsync(cancellationToken);
        report.Print(targets);
        foreach (var fault in report.Faults) Console.WriteLine($"doubtful: {fault}");
        var file = Path.Combine(options.Artifacts, "bench.json");
        report.Write(file);
        report.Say($"written to {file}");
        return run.failed ? 2 : 0;
    }

    /// <summary>What can't be measured is said, and the rest goes on.</summary>
    private async Task TryAsync(string what, Func<Task> measure)
    {
        try
        {
            await measure();
        }
        catch (Exception e) when (e is BenchException or ClusterException)
        {
            failed = true;
            report.Fault($"{what} could not be measured: {e.Message}");
        }
    }

    private bool IsAsked(string engine) => options.Engines.Count == 0 || options.Engines.Contains(engine);

    private bool Has(string workload) => options.Workloads.Contains(workload);

    /// <summary>Each is started when its turn comes, so that none takes a share of the machine from another.</summary>
    private List<(string Name, Func<CancellationToken, Task<Engine>> Start)> Engines()
    {
        var engines = new List<(string, Func<CancellationToken, Task<Engine>>)>();
        if (IsAsked("embedded")) engines.Add(("embedded", static _ => Task.FromResult(Engine.Embedded())));
        // Only when it is named: its figures are held against nothing.
        if (options.Engines.Contains(Engine.KafkaMock)) engines.Add((Engine.KafkaMock, token => Engine.StartMockAsync(Folder(Engine.KafkaMock), token)));
        var given = Environment.GetEnvironmentVariable(RealServers.KafkaVariable) is { Length: > 0 };
        if (options.Engines.Contains("kafka") && !given) throw new BenchException($"--engine kafka needs {RealServers.KafkaVariable}.");
        if (IsAsked("kafka") && given) engines.Add(("kafka", token => Engine.FromEnvironmentAsync(Folder("kafka"), shared: false, Environment.GetEnvironmentVariable, token)));
        return engines;
    }

    /// <summary>For servers of the run; the cell's own folder is beside it.</summary>
    private string Folder(string engine) => Path.Combine(data, engine + "-servers");

    private async Task MeasureAsync(Engine engine, CancellationToken cancellationToken)
    {
        var users = Math.Max(options.Sockets, Math.Max(Has("idle") ? options.Idle : 0, Has("storm") ? options.Storm : 0));
        await using var created = await CellWorld.CreateAsync(engine, CellLayout.OneProcess, Path.Combine(data, engine.Label), users, cancellationToken);
        foreach (var line in engine.Lines) report.Say($"{engine.Label}: {line}");
        report.Say($"{engine.Label}: {users} users made");
        IServerWorld world = created;
        await world.StartAsync(cancellationToken);
        report.Durability(engine.Label, await created.ReadDurabilityAsync(cancellationToken));
        await world.KillAsync();
        await MeasureWorldAsync(world, cancellationToken);
        if (Has("storm"))
        {
            await TryAsync($"storm, {engine.Label}", async () =>
            {
                await world.StartAsync(cancellationToken);
                await new StormWorkload(world, options.Storm, report).RunAsync(cancellationToken);
            });
            await world.KillAsync();
        }
        if (Has("socket-free") && engine.Label == "embedded")
            await TryAsync("socket-free", () => SocketFreeWorkload.RunAsync(Path.Combine(data, "socket-free"), report, cancellationToken));
    }

    private async Task MeasureBareAsync(CancellationToken cancellationToken)
    {
        await using var world = new BareWorld(Path.Combine(data, "bare"));
        await MeasureWorldAsync(world, cancellationToken);
    }

    private async Task MeasureWorldAsync(IServerWorld world, CancellationToken cancellationToken)
    {
        if (Has("idle"))
        {
            await TryAsync($"idle, {world.Label}", async () =>
            {
                await world.StartAsync(cancellationToken);
                await IdleWorkload.RunAsync(world, options.Idle, times, report, cancellationToken);
            });
            await world.KillAsync();
        }
        if (!Has("direct") && !Has("group50")) return;
        await world.StartAsync(cancellationToken);
        foreach (var (workload, members) in new[] { ("direct", 2), ("group50", 50) })
        {
            if (Has(workload))
                await TryAsync($"{workload}, {world.Label}", () => RoomsWorkload.RunAsync(world, workload, options.Sockets / members, members, times, report, options.Rate, cancellationToken));
        }
        await world.KillAsync();
    }
}
