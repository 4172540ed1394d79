using Chat.Cells.Chaos.CommandLine;
using Chat.Cells.Chaos.Reporting;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>Runs scenarios, several at a time, and says how each ended, whatever happens in it.</summary>
public static class ChaosRun
{
    public static async Task<int> RunAsync(ChaosOptions options, TextWriter output, CancellationToken cancellationToken)
    {
        var chosen = Catalog.All.Where(s => options.Only is null ? !options.IsShort || s.IsShort : options.Only.Any(o => Matches(s.Name, o))).ToArray();
        if (chosen.Length == 0) throw new HarnessException($"No scenario is called {string.Join(" or ", options.Only ?? [])}; see --list.");
        var form = (options.IsShort ? " --short" : "") + (options.IsReal ? " --real" : "");
        output.WriteLine($"chaos: {chosen.Length} scenarios{(options.IsShort ? ", short form" : "")}, seed {options.Seed} (repeat with --seed {options.Seed}{form})");
        var start = TimeProvider.System.GetTimestamp();
        var results = await RunAsync(chosen, options, output, cancellationToken);
        output.WriteLine();
        output.Write(ResultTable.Render(results));
        foreach (var result in results.Where(r => r.Ending is not (Ending.Passed or Ending.Skipped)))
        {
            output.WriteLine($"{result.Name} alone: make chaos ARGS=\"--seed {options.Seed}{form} --only {result.Name}\"");
        }
        output.WriteLine(FormattableString.Invariant($"{TimeProvider.System.GetElapsedTime(start).TotalMinutes:F1} min, seed {options.Seed}: {ResultTable.Total(results)}"));
        if (options.Summary) output.Write(ResultTable.Summary(results));
        cancellationToken.ThrowIfCancellationRequested();
        return ResultTable.ExitCode(results);
    }

    /// <summary>Runs these: those that need servers of somebody else's one after the other at the end. What is cancelled has no result.</summary>
    public static async Task<IReadOnlyList<ScenarioResult>> RunAsync(IReadOnlyList<IScenario> scenarios, ChaosOptions options, TextWriter output, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.Artifacts);
        await using var watch = new MachineWatch(options.Artifacts, TimeProvider.System);
        var plan = new RunPlan(scenarios, options);
        var said = TextWriter.Synchronized(output);
        said.WriteLine(plan);
        var results = new ScenarioResult?[scenarios.Count];
        var done = 0;
        foreach (var together in plan.Phases)
        {
            await Parallel.ForEachAsync(together.Scenarios, new ParallelOptions { MaxDegreeOfParallelism = together.AtATime, CancellationToken = CancellationToken.None }, async (index, _) =>
            {
                if (cancellationToken.IsCancellationRequested) return;
                if (await RunOneAsync(scenarios[index], plan, options, watch, said, cancellationToken) is not { } result) return;
                results[index] = result;
                said.WriteLine(FormattableString.Invariant($"{result} ({Interlocked.Increment(ref done)} of {scenarios.Count}, {plan.Elapsed.TotalMinutes:F1} of about {plan.Expected.TotalMinutes:F0} min)"));
                if (result.Report is { Passed: false } broken) said.WriteLine(broken);
            });
        }
        return [.. results.OfType<ScenarioResult>()];
    }

    private static bool Matches(string name, string only) => name == only || (only.EndsWith('*') && name.StartsWith(only[..^1], StringComparison.Ordinal));

    /// <summary>Null: it was cancelled.</summary>
    private static async Task<ScenarioResult?> RunOneAsync(IScenario scenario, RunPlan plan, ChaosOptions options, MachineWatch watch, TextWriter output, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        var folder = Path.Combine(options.Artifacts, scenario.Name);
        var limit = plan.BoundOf(scenario);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(limit.Time);
        using var lateness = watch.Begin();
        try
        {
            if (limit.Time <= TimeSpan.Zero) throw new MachineException($"not begun: {limit.Reason}");
            if (scenario.Missing is { } missing) throw new SkippedException(missing);
            watch.CheckRoom();
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            Directory.CreateDirectory(folder);
            var context = new ScenarioContext(options.Seed, options.IsShort, folder, text => output.WriteLine(FormattableString.Invariant($"  {scenario.Name} {TimeProvider.System.GetElapsedTime(start).TotalSeconds,6:F1} s  {text}"))) { IsReal = options.IsReal };
            var findings = await scenario.RunAsync(context, bound.Token);
            return new ScenarioResult(
                scenario.Name, findings.Report.Passed ? Ending.Passed : Ending.ProductFailed, findings.Report, findings.Faults, findings.Recovery,
                TimeProvider.System.GetElapsedTime(start), findings.Report.Passed ? null : "the history is broken");
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception e)
        {
            if (bound.IsCancellationRequested) e = limit.Is(e);
            var (ending, reason) = Judge(e, lateness);
            if (ending is Ending.HarnessFailed) output.WriteLine(e);
            return new ScenarioResult(scenario.Name, ending, null, 0, TimeSpan.Zero, TimeProvider.System.GetElapsedTime(start), reason);
        }
    }

    /// <summary>
    /// Whose fault an exception is. A wait that ended while the machine stood still says nothing of the servers; that it stood still at another time doesn't excuse them.
    /// What kept the harness may have been at any time of the scenario.
    /// </summary>
    internal static (Ending Ending, string Reason) Judge(Exception e, Lateness lateness)
    {
        var late = e is ProductFailedException failed ? failed.Waited is { } waited ? lateness.Within(waited) : TimeSpan.Zero : lateness.Within(TimeSpan.MaxValue);
        return Judge(e, late);
    }

    private static (Ending Ending, string Reason) Judge(Exception e, TimeSpan late) => e switch
    {
        SkippedException => (Ending.Skipped, e.Message),
        MachineException => (Ending.MachineFailed, e.Message),
        _ when IsMachine(e) => (Ending.MachineFailed, e.Message),
        _ when late > MachineWatch.TooLate => (Ending.MachineFailed, FormattableString.Invariant($"the machine stood still for {late.TotalSeconds:F1} s; what was seen: {e.Message}")),
        ProductFailedException => (Ending.ProductFailed, e.Message),
        HarnessException => (Ending.HarnessFailed, e.Message),
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
