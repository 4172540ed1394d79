using Chat.Cells.Chaos.CommandLine;
using Chat.Cells.Chaos.Reporting;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>Runs scenarios one after the other and says how each ended, whatever happens in it.</summary>
public static class ChaosRun
{
    private static readonly TimeSpan ScenarioBound = TimeSpan.FromMinutes(12);

    public static async Task<int> RunAsync(ChaosOptions options, TextWriter output, CancellationToken cancellationToken)
    {
        var chosen = Catalog.All.Where(s => options.Only is null ? !options.IsShort || s.IsShort : options.Only.Any(o => Matches(s.Name, o))).ToArray();
        if (chosen.Length == 0) throw new HarnessException($"No scenario is called {string.Join(" or ", options.Only ?? [])}; see --list.");
        output.WriteLine($"chaos: {chosen.Length} scenarios{(options.IsShort ? ", short form" : "")}, seed {options.Seed} (repeat with --seed {options.Seed}{(options.IsShort ? " --short" : "")})");
        var results = await RunAsync(chosen, options, output, cancellationToken);
        output.WriteLine();
        output.Write(ResultTable.Render(results));
        if (options.Summary) output.Write(ResultTable.Summary(results));
        return ResultTable.ExitCode(results);
    }

    /// <summary>Runs these.</summary>
    public static async Task<IReadOnlyList<ScenarioResult>> RunAsync(IReadOnlyList<IScenario> scenarios, ChaosOptions options, TextWriter output, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.Artifacts);
        await using var watch = new MachineWatch(options.Artifacts, TimeProvider.System);
        var results = new List<ScenarioResult>();
        foreach (var scenario in scenarios)
        {
            var result = await RunOneAsync(scenario, options, watch, output, cancellationToken);
            output.WriteLine(result);
            if (result.Report is { Passed: false } broken) output.WriteLine(broken);
            results.Add(result);
        }
        return results;
    }

    private static bool Matches(string name, string only) => name == only || (only.EndsWith('*') && name.StartsWith(only[..^1], StringComparison.Ordinal));

    private static async Task<ScenarioResult> RunOneAsync(IScenario scenario, ChaosOptions options, MachineWatch watch, TextWriter output, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        var folder = Path.Combine(options.Artifacts, scenario.Name);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(ScenarioBound);
        try
        {
            watch.CheckRoom();
            watch.TakeLatest();
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            Directory.CreateDirectory(folder);
            var context = new ScenarioContext(options.Seed, options.IsShort, folder, text => output.WriteLine($"  {scenario.Name} {TimeProvider.System.GetElapsedTime(start).TotalSeconds,6:F1} s  {text}"));
            var findings = await scenario.RunAsync(context, bound.Token);
            return new ScenarioResult(
                scenario.Name, findings.Report.Passed ? Ending.Passed : Ending.ProductFailed, findings.Report, findings.Faults, findings.Recovery,
                TimeProvider.System.GetElapsedTime(start), findings.Report.Passed ? null : "the history is broken");
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            return Failed(e);
        }

        ScenarioResult Failed(Exception e)
        {
            var late = watch.TakeLatest();
            var (ending, reason) = Judge(e, late);
            if (ending is Ending.HarnessFailed) output.WriteLine(e);
            return new ScenarioResult(scenario.Name, ending, null, 0, TimeSpan.Zero, TimeProvider.System.GetElapsedTime(start), reason);
        }
    }

    /// <summary>Whose fault an exception is. A time-out on a machine that stood still says nothing of the servers.</summary>
    internal static (Ending Ending, string Reason) Judge(Exception e, TimeSpan late) => e switch
    {
        SkippedException => (Ending.Skipped, e.Message),
        MachineException => (Ending.MachineFailed, e.Message),
        _ when IsMachine(e) => (Ending.MachineFailed, e.Message),
        _ when late > MachineWatch.TooLate => (Ending.MachineFailed, FormattableString.Invariant($"the machine stood still for {late.TotalSeconds:F1} s; what was seen: {e.Message}")),
        ProductFailedException => (Ending.ProductFailed, e.Message),
        OperationCanceledException => (Ending.HarnessFailed, FormattableString.Invariant($"not done within {ScenarioBound.TotalMinutes} min")),
        _ => (Ending.HarnessFailed, $"{e.GetType().Name}: {e.Message}"),
    };

    private static bool IsMachine(Exception e)
    {
        for (var inner = e; inner is not null; inner = inner.InnerException)
        {
            // EMFILE, ENFILE, ENOSPC, ENOMEM: nothing that a scenario makes happens in this process's own calls.
            if (inner is OutOfMemoryException || (inner is IOException io && io.HResult is 24 or 23 or 28 or 12)) return true;
            if (inner is System.Net.Sockets.SocketException { SocketErrorCode: System.Net.Sockets.SocketError.TooManyOpenSockets }) return true;
        }
        return false;
    }
}
