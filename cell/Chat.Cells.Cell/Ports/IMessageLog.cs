namespace Chat.Cells.Cell.Ports;

/// <summary>A partitioned append-only log with consumer groups: Kafka's model. Keys order, partitions scale, positions name records for ever.</summary>
public interface IMessageLog : IAsyncDisposable
{
    /// <summary>Creates the topics that are missing. A topic's partition count is for life: another count than the existing one throws <see cref="LogException"/>.</summary>
    ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken);

    /// <summary>The partition count of an existing topic.</summary>
    /// <exception cref="LogException">No such topic.</exception>
    int PartitionCount(string topic);

    /// <summary>
    /// Appends one record; completes when it is durable. Calls made one after the other for one partition keep their order, awaited or not.
    /// </summary>
    /// <exception cref="LogFullException">No room: certainly not appended.</exception>
    /// <exception cref="LogUnavailableException">Not known whether it was appended.</exception>
    ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken);

    /// <summary>
    /// Appends records to one partition, in their order; completes when all are durable. When it fails, the first of them may have been appended, but never one
    /// without those before it.
    /// </summary>
    /// <exception cref="LogFullException">No room.</exception>
    /// <exception cref="LogUnavailableException">Not known what was appended.</exception>
    async ValueTask AppendInOrderAsync(TopicPartition partition, IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        foreach (var entry in entries) await AppendAsync(partition, entry.Key, entry.Value, cancellationToken);
    }

    /// <summary>
    /// Joins a consumer group until cancelled. Partitions are shared among the group's live members; each assigned one gets a processor, which is disposed
    /// when the partition is taken away. A processor that throws is disposed, and started again from the committed offset after a back-off.
    /// Completes normally when cancelled, after all its processors were disposed. What nobody has committed is read from the oldest record on.
    /// </summary>
    Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken);

    /// <summary>Reads without a group: up to <paramref name="maxRecords"/> records from an offset on; waits up to <paramref name="wait"/> when there are none yet.</summary>
    /// <exception cref="OffsetOutOfRangeException">The offset is older than what is retained, or past the end.</exception>
    ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken);

    /// <summary>The offset that the next append gets, and the oldest retained one.</summary>
    ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken);

    /// <summary>What a group has committed, for lag metrics; null when nothing yet.</summary>
    ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken);
}

/// <summary>Makes the processor of a newly assigned partition.</summary>
public interface IPartitionProcessorFactory
{
    /// <param name="assignment">The partition, what was committed of it, and how to commit.</param>
    /// <param name="revoked">Cancelled when the partition is taken away or the consumer stops.</param>
    ValueTask<IPartitionProcessor> StartAsync(IPartitionAssignment assignment, CancellationToken revoked);
}

/// <summary>Processes one partition's records.</summary>
public interface IPartitionProcessor : IAsyncDisposable
{
    /// <summary>Called with the next records, in offset order, one call at a time. The next batch is read when this completes.</summary>
    ValueTask ProcessAsync(IReadOnlyList<LogRecord> batch, CancellationToken revoked);
}

/// <summary>A partition held by a consumer.</summary>
public interface IPartitionAssignment
{
    TopicPartition Partition { get; }

    /// <summary>What the group had committed when the partition was assigned; null when nothing.</summary>
    CommittedOffset? Committed { get; }

    /// <summary>
    /// Commits that all records below <paramref name="nextOffset"/> are done. Never moves backwards within an assignment; ignored once the processor is disposed.
    /// May become durable a little later: after a crash an older commit may be found.
    /// </summary>
    ValueTask CommitAsync(long nextOffset, string metadata, CancellationToken cancellationToken);
}

/// <param name="Name">Kafka's naming rules: letters, digits, '.', '_' and '-'.</param>
/// <param name="Partitions">For life.</param>
/// <param name="Retention">How long records are kept at least.</param>
public sealed record TopicSpec(string Name, int Partitions, TimeSpan Retention)
{
    /// <summary>Of each key the newest record is what matters: older ones may go before the retention is over.</summary>
    public bool Compacted { get; init; }

    /// <summary>Losing records of it harms nobody for long: fewer copies do, and one of them is enough for an ack.</summary>
    public bool Ephemeral { get; init; }
}

public readonly record struct TopicPartition(string Topic, int Partition);

/// <summary>A record to be appended.</summary>
public readonly record struct LogEntry(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value);

/// <param name="Offset">Counts from 0 without gaps in a partition.</param>
/// <param name="AppendTime">Unix ms, stamped by the log.</param>
public readonly record struct LogPosition(long Offset, long AppendTime);

/// <param name="Oldest">The oldest retained offset.</param>
/// <param name="Next">The offset of the next append.</param>
public readonly record struct OffsetRange(long Oldest, long Next);

/// <param name="NextOffset">The first offset that is not done.</param>
/// <param name="Metadata">What the processor committed beside it; at most 4 KB.</param>
public sealed record CommittedOffset(long NextOffset, string Metadata);

/// <summary>One record as read. The memory is valid for ever (not pooled).</summary>
public readonly record struct LogRecord(long Offset, long AppendTime, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value);

/// <summary>The log refused or failed; the message says what to do.</summary>
public class LogException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>No room: certainly not appended.</summary>
public sealed class LogFullException(string message, Exception? inner = null) : LogException(message, inner);

/// <summary>It is not known whether the record was appended.</summary>
public sealed class LogUnavailableException(string message, Exception? inner = null) : LogException(message, inner);

/// <summary>The offset is older than what is retained, or past the end.</summary>
public sealed class OffsetOutOfRangeException(TopicPartition partition, long offset, OffsetRange range)
    : LogException($"Offset {offset} of {partition.Topic}[{partition.Partition}] is outside {range.Oldest}..{range.Next}.")
{
    public OffsetRange Range { get; } = range;
}
