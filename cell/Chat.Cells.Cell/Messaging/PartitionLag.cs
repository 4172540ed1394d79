using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Messaging;

/// <summary>Reports a partition's lag and latency, at most about once a second.</summary>
internal sealed class PartitionLag(IMessageLog log, string group, TopicPartition partition, TimeProvider time)
{
    private readonly KeyValuePair<string, object?>[] tags =
    [
        new("group", group),
        new("topic", partition.Topic),
        new("partition", partition.Partition),
    ];

    private readonly KeyValuePair<string, object?> role = new("role", group);
    private long reportedAt;

    /// <summary>Called after a commit.</summary>
    public async ValueTask ReportAsync(LogRecord last, CancellationToken cancellationToken)
    {
        CellMeter.Latency.Record(Math.Max(0, time.GetUtcNow().ToUnixTimeMilliseconds() - last.AppendTime) / 1000.0, role);
        var now = time.GetTimestamp();
        if (reportedAt != 0 && time.GetElapsedTime(reportedAt, now) < TimeSpan.FromSeconds(1)) return;
        reportedAt = now;
        var range = await log.GetOffsetsAsync(partition, cancellationToken);
        CellMeter.Lag.Record(Math.Max(0, range.Next - last.Offset - 1), tags);
    }
}
