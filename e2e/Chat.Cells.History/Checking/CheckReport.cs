using System.Globalization;
using System.Text;

namespace Chat.Cells.History.Checking;

/// <summary>What a recording must hold. Every failure names one.</summary>
public enum Rule
{
    /// <summary>An accepted message was not shown on a device of a recipient, or is missing in history.</summary>
    Lost,
    /// <summary>A message was shown twice on a device, is twice in history or (at two cursors, seen on whichever connections) in an inbox, or one send became two messages.</summary>
    Duplicated,
    /// <summary>A final timeline or a history is not in the order of ids, or they differ.</summary>
    OrderDiffers,
    /// <summary>A device's sends in a channel are not in the order of sending.</summary>
    SenderOrder,
    /// <summary>A message sorts before one that its sender had seen, or that it answers.</summary>
    BeforeItsCause,
    /// <summary>Something was shown that nobody sent, that was refused, or with other content or sender.</summary>
    Phantom,
    /// <summary>A live message was shown to someone who was not a member at its version.</summary>
    Leaked,
    /// <summary>The server sent one event twice on one connection.</summary>
    RepeatedOnConnection,
    /// <summary>The cursor went backwards on a connection, or an event came without one.</summary>
    CursorBackwards,
    /// <summary>A receipt says that a user has what none of the user's devices has been shown.</summary>
    ReceiptAhead,
    /// <summary>A send was accepted with two ids, or accepted and refused.</summary>
    TwoVerdicts,
    /// <summary>The recording itself lacks what the check needs.</summary>
    Incomplete,
}

/// <summary>One broken rule, explained.</summary>
public sealed record Failure(Rule Rule, string Explanation);

/// <summary>What a check found.</summary>
/// <param name="Sent">Sends.</param>
/// <param name="Acked">Sends that were accepted.</param>
/// <param name="Refused">Sends that were refused for good.</param>
/// <param name="Unknown">Sends without an outcome when the recording ended.</param>
/// <param name="Shown">Messages shown, over all devices.</param>
/// <param name="Expected">Messages that had to be shown, over all devices.</param>
/// <param name="Devices">Devices that had to see everything.</param>
/// <param name="Connections">Connections made.</param>
/// <param name="RepeatedAcrossConnections">Events that the server sent again on a later connection, at the same cursor; allowed.</param>
/// <param name="Counts">Failures by rule.</param>
/// <param name="First">The first failures of each rule, explained.</param>
public sealed record CheckReport(
    int Sent,
    int Acked,
    int Refused,
    int Unknown,
    int Shown,
    int Expected,
    int Devices,
    int Connections,
    int RepeatedAcrossConnections,
    IReadOnlyDictionary<Rule, int> Counts,
    IReadOnlyList<Failure> First)
{
    public bool Passed => Counts.Count == 0;

    public int Lost => Counts.GetValueOrDefault(Rule.Lost);

    public int Duplicated => Counts.GetValueOrDefault(Rule.Duplicated) + Counts.GetValueOrDefault(Rule.RepeatedOnConnection) + Counts.GetValueOrDefault(Rule.TwoVerdicts);

    public int Reordered =>
        Counts.GetValueOrDefault(Rule.OrderDiffers)
        + Counts.GetValueOrDefault(Rule.SenderOrder)
        + Counts.GetValueOrDefault(Rule.BeforeItsCause)
        + Counts.GetValueOrDefault(Rule.CursorBackwards);

    /// <summary>The report for people, several lines.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"history: {Sent} sent, {Acked} acked, {Refused} refused, {Unknown} without outcome; {Shown} shown of {Expected} expected on {Devices} devices over {Connections} connections; {RepeatedAcrossConnections} repeated across reconnects (allowed)");
        foreach (var (rule, count) in Counts.OrderBy(c => c.Key)) text.AppendLine(CultureInfo.InvariantCulture, $"  {rule}: {count}");
        foreach (var failure in First) text.AppendLine(CultureInfo.InvariantCulture, $"    {failure.Rule}: {failure.Explanation}");
        text.Append(Passed ? "history: good" : "history: BROKEN");
        return text.ToString();
    }
}
