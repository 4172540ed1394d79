using System.Globalization;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Messaging;

/// <summary>The highest id time of a partition as of its committed offset; it travels in the commit's metadata.</summary>
internal static partial class PartitionTime
{
    public static string ToMetadata(long time) => string.Create(CultureInfo.InvariantCulture, $"t={time}");

    /// <exception cref="LogException">It is nowhere: ids might run backwards, so nothing is judged.</exception>
    public static async ValueTask<long> RecoverAsync(
        IMessageLog log, IMessageStore store, IPartitionAssignment assignment, ILogger logger, CancellationToken cancellationToken)
    {
        var partition = assignment.Partition;
        if (assignment.Committed is { } committed && TryParse(committed.Metadata, out var time)) return time;
        var from = assignment.Committed?.NextOffset ?? (await log.GetOffsetsAsync(partition, cancellationToken)).Oldest;
        if (from == 0)
        {
            await CheckFreshAsync(log, store, partition, cancellationToken);
            return 0;
        }
        if (await store.FindPartitionTimeAsync(Topics.LogPartition(partition), cancellationToken) is not { } stored)
        {
            // A topic that was made again: nothing below was ever judged, and before it nothing either.
            if (LogOffset.IsFirst(from)) return 0;
            throw new LogException(
                $"{partition.Topic}[{partition.Partition}] was judged below offset {from}, but its last id time is neither in the commit nor in the store. Judging stops, "
                + "because ids might run backwards; restore the store that belongs to this log.");
        }
        LogRecovered(logger, partition.Topic, partition.Partition, from, stored);
        return stored;
    }

    /// <summary>
    /// A partition that was never committed may have been judged, by somebody who crashed before the commit; but then its first record is no newer than the last id. If
    /// it is, or if there is none, the store is of a log that is gone: delivery would take its new records for old ones and drop them.
    /// </summary>
    private static async ValueTask CheckFreshAsync(IMessageLog log, IMessageStore store, TopicPartition partition, CancellationToken cancellationToken)
    {
        if (await store.FindPartitionTimeAsync(Topics.LogPartition(partition), cancellationToken) is not { } stored || stored == 0) return;
        var first = await log.ReadAsync(partition, 0, 1, TimeSpan.Zero, cancellationToken);
        if (first.Count > 0 && first[0].AppendTime <= stored) return;
        throw new LogException(
            $"{partition.Topic}[{partition.Partition}] begins anew, but the store holds what was judged of it before: the log was lost or is of another cell. Judging stops, "
            + "because new messages would be taken for repeats of old ones; restore the log that belongs to this store.");
    }

    private static bool TryParse(string metadata, out long time)
    {
        time = 0;
        return metadata.StartsWith("t=", StringComparison.Ordinal) && long.TryParse(metadata.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out time);
    }

    [LoggerMessage(1, LogLevel.Warning, "The commit of {Topic}[{Partition}] at {Offset} has no id time; going on from the stored one, {Time}.")]
    private static partial void LogRecovered(ILogger logger, string topic, int partition, long offset, long time);
}
