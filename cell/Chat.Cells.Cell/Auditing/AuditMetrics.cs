using System.Diagnostics.Metrics;
using Chat.Cells.Cell.Messaging;

namespace Chat.Cells.Cell.Auditing;

/// <summary>What the auditors of this process found: meter <c>Chat.Cells.Cell</c>.</summary>
internal static class AuditMetrics
{
    private static readonly Meter Meter = new(CellMeter.Name);
    private static long found;
    private static long lost;
    private static long undelivered;

    private static readonly Counter<long> Audited = Meter.CreateCounter<long>("audited.messages", "{message}", "Sends that the auditor followed to their recipients' inboxes, by outcome.");
    private static readonly Counter<long> LostMessages = Meter.CreateCounter<long>("lost.messages", "{message}", "Accepted messages of which something is missing, by the stage that has lost it.");

    /// <summary>Sends that were left out because more came than the auditor follows.</summary>
    public static readonly Counter<long> Skipped = Meter.CreateCounter<long>("audit.skipped", "{record}", "Records that the auditor left out because more came than it follows.");

    static AuditMetrics()
    {
        Meter.CreateObservableGauge("lost_message_ratio", static () => Ratio(Interlocked.Read(ref lost), Interlocked.Read(ref found)), "1", "Lost messages as a share of those that were followed to the end, since the start.");
        Meter.CreateObservableGauge("undelivered_messages_gauge", static () => Interlocked.Read(ref undelivered), "{message}", "Records that were not judged, and messages that were not in all inboxes, when they should have been.");
    }

    public static void Count(AuditResult result)
    {
        if (result.Outcome is AuditOutcome.Found or AuditOutcome.Doubled) Interlocked.Increment(ref found);
        if (result.Outcome == AuditOutcome.Lost)
        {
            Interlocked.Increment(ref lost);
            LostMessages.Add(1, new KeyValuePair<string, object?>("stage", result.Stage));
        }
        Audited.Add(1, new KeyValuePair<string, object?>("outcome", NameOf(result.Outcome)));
    }

    /// <summary>An auditor's share of the undelivered has changed.</summary>
    public static void UndeliveredChanged(long by) => Interlocked.Add(ref undelivered, by);

    private static double Ratio(long lost, long found) => lost == 0 ? 0 : (double)lost / (lost + found);

    private static string NameOf(AuditOutcome outcome) => outcome switch
    {
        AuditOutcome.Found => "found",
        AuditOutcome.Lost => "lost",
        AuditOutcome.Doubled => "doubled",
        AuditOutcome.NotAccepted => "not_accepted",
        AuditOutcome.NoVerdict => "no_verdict",
        _ => "unknown",
    };
}
