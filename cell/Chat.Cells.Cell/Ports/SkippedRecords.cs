using System.Diagnostics.Metrics;

namespace Chat.Cells.Cell.Ports;

/// <summary>
/// Records that a consumer group will never process: the metric <c>chatcells_skipped_total</c>, by group and topic. Retention took them before the group came to them, so that no
/// lag shows them any more.
/// </summary>
public static class SkippedRecords
{
    private static readonly Meter Meter = new("Chat.Cells.Cell");

    private static readonly Counter<long> Skipped =
        Meter.CreateCounter<long>("chatcells.skipped", "{record}", "Records that retention took before their consumer group had processed them.");

    /// <summary>Counts the records from one offset up to another.</summary>
    /// <param name="group">Whose they were.</param>
    /// <param name="topic">Where they were.</param>
    /// <param name="from">The first that the group had not processed, as the server counts.</param>
    /// <param name="oldest">The oldest retained one.</param>
    public static void Add(string group, string topic, long from, long oldest) =>
        Skipped.Add(Math.Max(0, oldest - from), new KeyValuePair<string, object?>("group", group), new KeyValuePair<string, object?>("topic", topic));
}
