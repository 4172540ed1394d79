using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Messaging;

/// <summary>Reports a partition's lag and latency, at most about once a second; after the last commit of a burst once more, so that no lag is shown that is gone.</summary>
internal sealed class PartitionLag(IMessageLog log, string group, TopicPartition partition, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly KeyValuePair<string, object?>[] tags =
    [
        new("group", group),
        new("topic", partition.Topic),
        new("partition", partition.Partition),
    ];

    private readonly KeyValuePair<string, object?> role = new("role", group);
    private long reportedAt;
    private long committed;
    private int isDue;

    /// <summary>Called after a commit.</summary>
    public async ValueTask ReportAsync(LogRecord last, CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        CellMeter.Latency.Record(Math.Max(0, time.GetUtcNow().ToUnixTimeMilliseconds() - last.AppendTime) / 1000.0, role);
        Volatile.Write(ref committed, last.Offset + 1);
        if (reportedAt != 0 && time.GetElapsedTime(reportedAt, now) < Pause)
        {
            if (Interlocked.Exchange(ref isDue, 1) == 0) _ = ReportLaterAsync(cancellationToken);
            return;
        }
        reportedAt = now;
        await RecordAsync(cancellationToken);
    }

    private async Task ReportLaterAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(Pause, time, cancellationToken);
            Volatile.Write(ref isDue, 0);
            await RecordAsync(cancellationToken);
        }
        catch (Exception e) when (e is LogException or OperationCanceledException or ObjectDisposedException)
        {
            // Not known now; the next commit, perhaps of another server, says it.
            Volatile.Write(ref isDue, 0);
        }
    }

    private async ValueTask RecordAsync(CancellationToken cancellationToken)
    {
        var range = await log.GetOffsetsAsync(partition, cancellationToken);
        var next = Volatile.Read(ref committed);
        var lag = LogOffset.GenerationOf(next) == LogOffset.GenerationOf(range.Next) ? range.Next - next : LogOffset.OwnOf(range.Next);
        CellMeter.Lag.Record(Math.Max(0, lag), tags);
    }
}
