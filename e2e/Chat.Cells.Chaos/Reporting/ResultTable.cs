using System.Globalization;
using System.Text;

namespace Chat.Cells.Chaos.Reporting;

/// <summary>All scenarios of a run.</summary>
public static class ResultTable
{
    /// <summary>The worst ending, as an exit code: a product failure is never hidden by another.</summary>
    public static int ExitCode(IReadOnlyCollection<ScenarioResult> results)
    {
        foreach (var ending in new[] { Ending.ProductFailed, Ending.HarnessFailed, Ending.MachineFailed })
        {
            if (results.Any(r => r.Ending == ending)) return (int)ending;
        }
        return 0;
    }

    /// <summary>Counts as Node's test runner prints them, for a script that adds up suites.</summary>
    public static string Summary(IReadOnlyCollection<ScenarioResult> results)
    {
        var (passed, skipped) = (results.Count(r => r.Ending == Ending.Passed), results.Count(r => r.Ending == Ending.Skipped));
        return FormattableString.Invariant($"# pass {passed}\n# fail {results.Count - passed - skipped}\n# skipped {skipped}\n");
    }

    public static string Render(IReadOnlyCollection<ScenarioResult> results)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{"scenario",-26} {"ending",-14} {"faults",6} {"acked",7} {"lost",5} {"doubled",7} {"reordered",9} {"recovery",9} {"took",8}");
        foreach (var r in results)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{r.Name,-26} {r.Ending,-14} {r.Faults,6} {r.Report?.Acked ?? 0,7} {r.Report?.Lost ?? 0,5} {r.Report?.Duplicated ?? 0,7} {r.Report?.Reordered ?? 0,9} {r.Recovery.TotalSeconds,7:F1} s {r.Took.TotalSeconds,6:F0} s");
        }
        return text.ToString();
    }
}
