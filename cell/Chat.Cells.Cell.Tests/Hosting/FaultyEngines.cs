using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Tests.Hosting;

/// <summary>A state that loses what it is told to lose.</summary>
internal sealed class LossyState(ICellState inner) : ICellState
{
    /// <summary>True for messages between servers that are lost.</summary>
    public Func<ServerMessage, bool> Loses { get; set; } = _ => false;

    public ValueTask PublishAsync(string serverId, ReadOnlyMemory<byte> message, CancellationToken cancellationToken) =>
        Loses(ServerMessage.Decode(message)) ? ValueTask.CompletedTask : inner.PublishAsync(serverId, message, cancellationToken);

    public ValueTask RegisterAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken) => inner.RegisterAsync(serverId, userIds, timeToLive, cancellationToken);
    public ValueTask UnregisterAsync(string serverId, string userId, CancellationToken cancellationToken) => inner.UnregisterAsync(serverId, userId, cancellationToken);
    public ValueTask<IReadOnlyList<IReadOnlyList<string>>> FindServersAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken) => inner.FindServersAsync(userIds, cancellationToken);
    public ValueTask AdvanceCursorsAsync(IReadOnlyList<UserCursor> cursors, CancellationToken cancellationToken) => inner.AdvanceCursorsAsync(cursors, cancellationToken);
    public ValueTask<IReadOnlyList<InboxCursor?>> GetCursorsAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken) => inner.GetCursorsAsync(userIds, cancellationToken);
    public ValueTask<IAsyncDisposable> SubscribeAsync(string serverId, Action<ReadOnlyMemory<byte>> handler, CancellationToken cancellationToken) => inner.SubscribeAsync(serverId, handler, cancellationToken);
    public ValueTask<TimeSpan> TakeTokenAsync(string bucket, int capacity, double refillPerSecond, CancellationToken cancellationToken) => inner.TakeTokenAsync(bucket, capacity, refillPerSecond, cancellationToken);
    public ValueTask PutOnceAsync(string key, string value, TimeSpan timeToLive, CancellationToken cancellationToken) => inner.PutOnceAsync(key, value, timeToLive, cancellationToken);
    public ValueTask<string?> TakeOnceAsync(string key, CancellationToken cancellationToken) => inner.TakeOnceAsync(key, cancellationToken);
}

/// <summary>A log whose appends of channel records fail when told to.</summary>
internal sealed class FailingLog(IMessageLog inner) : IMessageLog
{
    public Func<LogException>? Fault { get; set; }

    public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
        Fault is { } fault && partition.Topic.StartsWith("chat.messages", StringComparison.Ordinal) ? ValueTask.FromException<LogPosition>(fault()) : inner.AppendAsync(partition, key, value, cancellationToken);

    public ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken) => inner.EnsureTopicsAsync(topics, cancellationToken);
    public int PartitionCount(string topic) => inner.PartitionCount(topic);
    public Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken) => inner.ConsumeAsync(group, topics, factory, cancellationToken);
    public ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken) => inner.ReadAsync(partition, fromOffset, maxRecords, wait, cancellationToken);
    public ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken) =>
        Fault is { } fault ? ValueTask.FromException<OffsetRange>(fault()) : inner.GetOffsetsAsync(partition, cancellationToken);
    public ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken) => inner.GetCommittedAsync(group, partition, cancellationToken);
    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
