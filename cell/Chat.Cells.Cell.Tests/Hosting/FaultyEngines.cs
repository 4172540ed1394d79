using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Tests.Hosting;

/// <summary>A state that loses what it is told to lose.</summary>
internal sealed partial class LossyState(ICellState inner) : ICellState
{
    /// <summary>True for messages between servers that are lost.</summary>
    public Func<ServerMessage, bool> Loses { get; set; } = _ => false;

    /// <summary>What waits before something is taken once, as a ticket is.</summary>
    public Func<Task> BeforeTakeOnce { get; set; } = () => Task.CompletedTask;

    /// <summary>True while updates of unread sets are lost.</summary>
    public bool LosesUnread { get; set; }

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
    public async ValueTask<string?> TakeOnceAsync(string key, CancellationToken cancellationToken)
    {
        await BeforeTakeOnce();
        return await inner.TakeOnceAsync(key, cancellationToken);
    }

    public ValueTask ApplyUnreadAsync(IReadOnlyList<UnreadUpdate> updates, CancellationToken cancellationToken) => LosesUnread ? ValueTask.CompletedTask : inner.ApplyUnreadAsync(updates, cancellationToken);
    public ValueTask<IReadOnlyList<UnreadCounts?>> GetUnreadAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken) => inner.GetUnreadAsync(userIds, cancellationToken);
    public ValueTask BeginUnreadAsync(string userId, InboxCursor at, string token, CancellationToken cancellationToken) => inner.BeginUnreadAsync(userId, at, token, cancellationToken);
    public ValueTask<bool> CompleteUnreadAsync(string userId, string token, IReadOnlyList<UnreadIds> channels, CancellationToken cancellationToken) => inner.CompleteUnreadAsync(userId, token, channels, cancellationToken);
}

/// <summary>A log whose appends of channel records fail when told to.</summary>
internal sealed class FailingLog(IMessageLog inner) : IMessageLog
{
    public Func<LogException>? Fault { get; set; }

    /// <summary>What reads of records for other cells end with.</summary>
    public Func<LogException>? BridgeReadFault { get; set; }

    public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
        Fault is { } fault && partition.Topic.StartsWith("chat.messages", StringComparison.Ordinal) ? ValueTask.FromException<LogPosition>(fault()) : inner.AppendAsync(partition, key, value, cancellationToken);

    public ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken) => inner.EnsureTopicsAsync(topics, cancellationToken);
    public int PartitionCount(string topic) => inner.PartitionCount(topic);
    public Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken) => inner.ConsumeAsync(group, topics, factory, cancellationToken);
    public ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken) =>
        BridgeReadFault is { } fault && partition.Topic.StartsWith("chat.bridge.", StringComparison.Ordinal) ? ValueTask.FromException<IReadOnlyList<LogRecord>>(fault()) : inner.ReadAsync(partition, fromOffset, maxRecords, wait, cancellationToken);
    public ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken) =>
        Fault is { } fault ? ValueTask.FromException<OffsetRange>(fault()) : inner.GetOffsetsAsync(partition, cancellationToken);
    public ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken) => inner.GetCommittedAsync(group, partition, cancellationToken);
    public ValueTask DisposeAsync() => inner.DisposeAsync();
}

/// <summary>A store whose reads of inboxes fail when told to.</summary>
internal sealed class FailingStore(IMessageStore inner) : IMessageStore
{
    /// <summary>Called before the latest cursor of a user is read; may throw.</summary>
    public Action BeforeLatestCursor { get; set; } = () => { };

    /// <summary>As <see cref="BeforeLatestCursor"/>, with the user.</summary>
    public Action<string> BeforeLatestCursorOf { get; set; } = _ => { };

    /// <summary>What rows of inboxes are read as.</summary>
    public Func<InboxRow, InboxRow> Alter { get; set; } = row => row;

    /// <summary>Called before an inbox is read; may throw.</summary>
    public Action BeforeInbox { get; set; } = () => { };

    /// <summary>Called before a message is looked up; may throw.</summary>
    public Action BeforeMessage { get; set; } = () => { };

    public ValueTask<InboxCursor?> FindLatestCursorAsync(string userId, CancellationToken cancellationToken)
    {
        BeforeLatestCursor();
        BeforeLatestCursorOf(userId);
        return inner.FindLatestCursorAsync(userId, cancellationToken);
    }

    public async ValueTask<IReadOnlyList<InboxRow>> ReadInboxAsync(string userId, InboxCursor after, int limit, CancellationToken cancellationToken)
    {
        BeforeInbox();
        return [.. (await inner.ReadInboxAsync(userId, after, limit, cancellationToken)).Select(Alter)];
    }

    public ValueTask WriteJudgedAsync(JudgedBatch batch, CancellationToken cancellationToken) => inner.WriteJudgedAsync(batch, cancellationToken);
    public ValueTask<RequestRow?> FindRequestAsync(string channelId, string senderId, string requestId, CancellationToken cancellationToken) => inner.FindRequestAsync(channelId, senderId, requestId, cancellationToken);
    public ValueTask<long?> FindPartitionTimeAsync(ushort logPartition, CancellationToken cancellationToken) => inner.FindPartitionTimeAsync(logPartition, cancellationToken);
    public ValueTask<ChannelRow?> FindChannelAsync(string channelId, CancellationToken cancellationToken) => inner.FindChannelAsync(channelId, cancellationToken);
    public ValueTask WriteDeliveredAsync(DeliveredBatch batch, CancellationToken cancellationToken) => inner.WriteDeliveredAsync(batch, cancellationToken);
    public ValueTask<IReadOnlyDictionary<long, long>> LoadHighWaterAsync(int inboxPartition, CancellationToken cancellationToken) => inner.LoadHighWaterAsync(inboxPartition, cancellationToken);
    public ValueTask<MessageRow?> FindMessageAsync(string channelId, Ulid messageId, CancellationToken cancellationToken)
    {
        BeforeMessage();
        return inner.FindMessageAsync(channelId, messageId, cancellationToken);
    }

    public ValueTask<MessageChange?> FindChangeAsync(string channelId, Ulid messageId, CancellationToken cancellationToken) => inner.FindChangeAsync(channelId, messageId, cancellationToken);
    public ValueTask<IReadOnlyList<MessageRow>> ReadHistoryAsync(string channelId, Ulid? before, int limit, CancellationToken cancellationToken) => inner.ReadHistoryAsync(channelId, before, limit, cancellationToken);
    public ValueTask<IReadOnlyList<string>> ListChannelsAsync(string userId, string? afterChannelId, int limit, CancellationToken cancellationToken) => inner.ListChannelsAsync(userId, afterChannelId, limit, cancellationToken);
    public ValueTask<IReadOnlyList<ReceiptRow>> ReadReceiptsAsync(string channelId, CancellationToken cancellationToken) => inner.ReadReceiptsAsync(channelId, cancellationToken);
    public ValueTask<ReadMark> FindReadAsync(string channelId, string userId, CancellationToken cancellationToken) => inner.FindReadAsync(channelId, userId, cancellationToken);
    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
