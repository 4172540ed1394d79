using Chat.Cells.Bench.CommandLine;
using Chat.Cells.Bench.Report;
using Chat.Cells.Bench.Servers;
using Chat.Cells.Bench.SocketFree;
using Chat.Cells.Bench.Workloads;

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
        var engines = run.Engines();
        report.Say($"{Environment.ProcessorCount} cores, shared by the server and the generator; the cell is driven directly: one process, all roles, no router");
        foreach (var engine in engines) report.Say($"durability, {engine.Label}: {engine.Durability}");
        report.Say($"the rate limit of 60 messages a minute and user is off (--messages-per-minute 0): {options.Sockets} users send more than their number could");
        report.Say($"messages of {run.times.ContentBytes} bytes; clients beat every 5 s and ack what they have with it");

        foreach (var engine in engines) await run.MeasureAsync(engine, cancellationToken);
        if (run.IsAsked("bare")) await run.MeasureBareAsync(cancellationToken);
        report.Print([.. Target.Embedded, .. engines.Where(e => e is { HasTargets: true, Label: not "embedded" }).SelectMany(e => Target.OnKafka(e.Label))]);
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
        catch (BenchException e)
        {
            failed = true;
            report.Fault($"{what} could not be measured: {e.Message}");
        }
    }

    private bool IsAsked(string engine) => options.Engines.Count == 0 || options.Engines.Contains(engine);

    private bool Has(string workload) => options.Workloads.Contains(workload);

    private List<Engine> Engines()
    {
        var engines = new List<Engine>();
        if (IsAsked("embedded")) engines.Add(Engine.Embedded);
        if (IsAsked("kafka"))
        {
            if (Engine.FromEnvironment(Environment.GetEnvironmentVariable) is { } real) engines.Add(real);
            else if (options.Engines.Contains("kafka")) throw new BenchException("--engine kafka needs KAFKA_BOOTSTRAP_SERVERS.");
        }
        return engines;
    }

    private async Task MeasureAsync(Engine engine, CancellationToken cancellationToken)
    {
        var users = Math.Max(options.Sockets, Math.Max(Has("idle") ? options.Idle : 0, Has("storm") ? options.Storm : 0));
        await using var world = await CellWorld.CreateAsync(engine, Path.Combine(data, engine.Label), users, cancellationToken);
        report.Say($"{engine.Label}: {users} users made");
        await MeasureWorldAsync(world, cancellationToken);
        if (Has("storm"))
        {
            await TryAsync($"storm, {engine.Label}", async () =>
            {
                await world.StartAsync(cancellationToken);
                await new StormWorkload(world, options.Storm, report).RunAsync(cancellationToken);
            });
            await world.Process.KillAsync();
        }
        if (Has("socket-free") && engine == Engine.Embedded)
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
            await world.Process.KillAsync();
        }
        if (!Has("direct") && !Has("group50")) return;
        await world.StartAsync(cancellationToken);
        foreach (var (workload, members) in new[] { ("direct", 2), ("group50", 50) })
        {
            if (Has(workload))
                await TryAsync($"{workload}, {world.Label}", () => RoomsWorkload.RunAsync(world, workload, options.Sockets / members, members, times, report, cancellationToken));
        }
        await world.Process.KillAsync();
    }
}
