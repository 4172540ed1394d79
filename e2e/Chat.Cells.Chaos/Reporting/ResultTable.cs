using System.Globalization;
using System.Text;

namespace Chat.Cells.Chaos.Reporting;

/// <summary>All scenarios of a run.</summary>
public static class ResultTable
{
    private static readonly Dictionary<Ending, string> Words = new()
    {
        [Ending.Passed] = "passed",
        [Ending.ProductFailed] = "failed by the servers",
        [Ending.HarnessFailed] = "failed by the harness",
        [Ending.MachineFailed] = "failed by the machine",
        [Ending.Skipped] = "skipped",
    };

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

    /// <summary>One line over all.</summary>
    public static string Total(IReadOnlyCollection<ScenarioResult> results)
    {
        var endings = results.GroupBy(r => r.Ending).OrderBy(g => g.Key).Select(g => $"{g.Count()} {Words[g.Key]}");
        var reports = results.Select(r => r.Report).OfType<History.Checking.CheckReport>().ToArray();
        return FormattableString.Invariant(
            $"{string.Join(", ", endings)}; {results.Sum(r => r.Faults)} faults, {reports.Sum(r => r.Acked)} acked, {reports.Sum(r => r.Lost)} lost, {reports.Sum(r => r.Duplicated)} doubled, {reports.Sum(r => r.Reordered)} reordered");
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
