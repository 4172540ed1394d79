using System.Globalization;
using Chat.Cells.History.Checking;

namespace Chat.Cells.Chaos.Reporting;

/// <summary>What a scenario found.</summary>
/// <param name="Report">What the history checker says; null when it didn't come to that.</param>
/// <param name="Faults">How many faults struck.</param>
/// <param name="Recovery">The longest time from a fault, or its end, until all that it held up was acked and shown and every device was live.</param>
/// <param name="Reason">Why it didn't pass.</param>
public sealed record ScenarioResult(string Name, Ending Ending, CheckReport? Report, int Faults, TimeSpan Recovery, TimeSpan Took, string? Reason)
{
    /// <summary>The line for people and scripts.</summary>
    public override string ToString() => Ending == Ending.Skipped
        ? $"{Name}: skipped, {Reason}"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{Name}: {Report?.Acked ?? 0} acked, {Report?.Lost ?? 0} lost, {Report?.Duplicated ?? 0} doubled, {Report?.Reordered ?? 0} reordered, recovery {Recovery.TotalSeconds:F1} s{(Reason is null ? "" : $"; {Ending}: {Reason}")}");
}
