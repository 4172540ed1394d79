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
        if (from == 0) return 0;
        if (await store.FindPartitionTimeAsync(Topics.LogPartition(partition), cancellationToken) is not { } stored)
        {
            throw new LogException(
                $"{partition.Topic}[{partition.Partition}] was judged below offset {from}, but its last id time is neither in the commit nor in the store. Judging stops, "
                + "because ids might run backwards; restore the store that belongs to this log.");
        }
        LogRecovered(logger, partition.Topic, partition.Partition, from, stored);
        return stored;
    }

    private static bool TryParse(string metadata, out long time)
    {
        time = 0;
        return metadata.StartsWith("t=", StringComparison.Ordinal) && long.TryParse(metadata.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out time);
    }

    [LoggerMessage(1, LogLevel.Warning, "The commit of {Topic}[{Partition}] at {Offset} has no id time; going on from the stored one, {Time}.")]
    private static partial void LogRecovered(ILogger logger, string topic, int partition, long offset, long time);
}
