using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Auditing;

/// <summary>A log whose inbox partitions get a record whenever somebody looks, so that delivery goes on and on and is never at their end.</summary>
internal sealed class BusyInboxLog(IMessageLog inner) : IMessageLog
{
    private long more;

    public async ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        var range = await inner.GetOffsetsAsync(partition, cancellationToken);
        return partition.Topic == Topics.InboxTopic ? range with { Next = range.Next + Interlocked.Increment(ref more) } : range;
    }

    public async ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken)
    {
        var committed = await inner.GetCommittedAsync(group, partition, cancellationToken);
        return group == DeliveryRole.Group && committed is not null ? committed with { NextOffset = committed.NextOffset + Interlocked.Increment(ref more) - 1 } : committed;
    }

    public ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken) => inner.EnsureTopicsAsync(topics, cancellationToken);

    public int PartitionCount(string topic) => inner.PartitionCount(topic);

    public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
        inner.AppendAsync(partition, key, value, cancellationToken);

    public Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken) =>
        inner.ConsumeAsync(group, topics, factory, cancellationToken);

    public ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken) =>
        inner.ReadAsync(partition, fromOffset, maxRecords, wait, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
