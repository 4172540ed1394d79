using System.Collections.Concurrent;
using System.Text;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>A processor factory that notes what it is given, and checks what every engine owes a processor: one call at a time, offsets without gaps.</summary>
internal sealed class RecordingConsumer : IPartitionProcessorFactory
{
    private readonly ConcurrentDictionary<TopicPartition, int> live = new();

    public ConcurrentQueue<(TopicPartition Partition, long Offset, string Value)> Seen { get; } = new();
    public ConcurrentQueue<string> Faults { get; } = new();
    public ConcurrentQueue<CommittedOffset?> Starts { get; } = new();

    /// <summary>Called before a batch is noted; may throw.</summary>
    public Func<TopicPartition, IReadOnlyList<LogRecord>, ValueTask>? BeforeBatch { get; init; }

    /// <summary>What to commit as metadata after each batch; null: no commits.</summary>
    public Func<LogRecord, string>? Metadata { get; init; } = _ => "";

    public IReadOnlyCollection<TopicPartition> Live => [.. live.Where(pair => pair.Value > 0).Select(pair => pair.Key)];

    public ValueTask<IPartitionProcessor> StartAsync(IPartitionAssignment assignment, CancellationToken revoked)
    {
        Starts.Enqueue(assignment.Committed);
        if (live.AddOrUpdate(assignment.Partition, 1, (_, count) => count + 1) > 1) Faults.Enqueue($"Two processors of {assignment.Partition} in one consumer.");
        return new ValueTask<IPartitionProcessor>(new Processor(this, assignment));
    }

    private sealed class Processor(RecordingConsumer owner, IPartitionAssignment assignment) : IPartitionProcessor
    {
        private int calls;
        private long last = (assignment.Committed?.NextOffset ?? 0) - 1;

        public async ValueTask ProcessAsync(IReadOnlyList<LogRecord> batch, CancellationToken revoked)
        {
            if (Interlocked.Increment(ref calls) != 1) owner.Faults.Enqueue("Two calls at a time.");
            if (batch.Count == 0) owner.Faults.Enqueue("An empty batch.");
            if (owner.BeforeBatch is { } before) await before(assignment.Partition, batch);
            foreach (var record in batch)
            {
                if (record.Offset != last + 1) owner.Faults.Enqueue($"{assignment.Partition}: {record.Offset} after {last}.");
                last = record.Offset;
                owner.Seen.Enqueue((assignment.Partition, record.Offset, Encoding.UTF8.GetString(record.Value.Span)));
            }
            Interlocked.Decrement(ref calls);
            if (owner.Metadata is { } metadata) await assignment.CommitAsync(last + 1, metadata(batch[^1]), revoked);
        }

        public ValueTask DisposeAsync()
        {
            owner.live.AddOrUpdate(assignment.Partition, 0, (_, count) => count - 1);
            return ValueTask.CompletedTask;
        }
    }
}
