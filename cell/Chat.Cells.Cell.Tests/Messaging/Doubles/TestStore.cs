using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>A store in memory without transactions: it can stop between any two rows.</summary>
internal sealed class TestStore(Faults faults) : IMessageStore
{
    public SortedDictionary<(string Channel, Ulid Id), MessageRow> Messages { get; } = [];

    public SortedDictionary<(string Channel, Ulid Id), MessageChange> Changes { get; } = [];

    public Dictionary<string, ChannelRow> Channels { get; } = [];

    public SortedDictionary<(string Channel, string User), ReceiptRow> Receipts { get; } = [];

    public Dictionary<(string Channel, string User), ReadMark> Reads { get; } = [];

    public Dictionary<(string Channel, string Sender, string Request), RequestRow> Requests { get; } = [];

    public Dictionary<ushort, long> Times { get; } = [];

    public SortedDictionary<(string User, InboxCursor Cursor), InboxRow> Inbox { get; } = [];

    public Dictionary<(int Partition, long Source), long> Marks { get; } = [];

    public ValueTask WriteJudgedAsync(JudgedBatch batch, CancellationToken cancellationToken)
    {
        foreach (var row in batch.Messages)
        {
            faults.Step();
            Messages[(row.ChannelId, row.MessageId)] = row;
        }
        foreach (var change in batch.Changes)
        {
            faults.Step();
            var key = (change.ChannelId, change.MessageId);
            if (!Changes.TryGetValue(key, out var kept) || change.Beats(kept)) Changes[key] = change;
        }
        foreach (var row in batch.Channels)
        {
            faults.Step();
            if (!Channels.TryGetValue(row.ChannelId, out var known) || known.Position <= row.Position) Channels[row.ChannelId] = row;
        }
        foreach (var row in batch.Receipts)
        {
            faults.Step();
            var known = Receipts.GetValueOrDefault((row.ChannelId, row.UserId));
            if (row.ReadUpTo is { } upTo) Reads[(row.ChannelId, row.UserId)] = Reads.GetValueOrDefault((row.ChannelId, row.UserId)).Merge(ReadMark.Of(upTo, row.ReadCursor));
            Receipts[(row.ChannelId, row.UserId)] = row with { ReadCursor = null, DeliveredUpTo = Higher(known?.DeliveredUpTo, row.DeliveredUpTo), ReadUpTo = Higher(known?.ReadUpTo, row.ReadUpTo) };
        }
        foreach (var row in batch.Requests)
        {
            faults.Step();
            Requests[(row.ChannelId, row.SenderId, row.RequestId)] = row;
        }
        if (batch.LogPartition is { } partition)
        {
            faults.Step();
            Times[partition] = Math.Max(Times.GetValueOrDefault(partition), batch.PartitionTime);
        }
        return ValueTask.CompletedTask;

        static Ulid? Higher(Ulid? a, Ulid? b) => a is null ? b : b is null ? a : a > b ? a : b;
    }

    public ValueTask<RequestRow?> FindRequestAsync(string channelId, string senderId, string requestId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Requests.GetValueOrDefault((channelId, senderId, requestId)));

    public ValueTask<long?> FindPartitionTimeAsync(ushort logPartition, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Times.TryGetValue(logPartition, out var time) ? time : (long?)null);

    public ValueTask<ChannelRow?> FindChannelAsync(string channelId, CancellationToken cancellationToken) => ValueTask.FromResult(Channels.GetValueOrDefault(channelId));

    public ValueTask WriteDeliveredAsync(DeliveredBatch batch, CancellationToken cancellationToken)
    {
        foreach (var row in batch.Rows)
        {
            faults.Step();
            Inbox[(row.UserId, row.Cursor)] = row;
        }
        foreach (var mark in batch.HighWater)
        {
            faults.Step();
            var key = (batch.InboxPartition, mark.Source);
            Marks[key] = Math.Max(Marks.GetValueOrDefault(key, -1), mark.Offset);
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyDictionary<long, long>> LoadHighWaterAsync(int inboxPartition, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyDictionary<long, long>>(Marks.Where(m => m.Key.Partition == inboxPartition).ToDictionary(m => m.Key.Source, m => m.Value));

    public ValueTask<InboxCursor?> FindLatestCursorAsync(string userId, CancellationToken cancellationToken)
    {
        InboxCursor? latest = null;
        foreach (var (user, cursor) in Inbox.Keys)
        {
            if (user == userId) latest = cursor;
        }
        return ValueTask.FromResult(latest);
    }

    public ValueTask<IReadOnlyList<InboxRow>> ReadInboxAsync(string userId, InboxCursor after, int limit, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<InboxRow>>([.. Inbox.Values.Where(r => r.UserId == userId && r.Cursor > after).Take(limit)]);

    public ValueTask<MessageRow?> FindMessageAsync(string channelId, Ulid messageId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Messages.GetValueOrDefault((channelId, messageId)));

    public ValueTask<MessageChange?> FindChangeAsync(string channelId, Ulid messageId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Changes.GetValueOrDefault((channelId, messageId)));

    public ValueTask<IReadOnlyList<MessageRow>> ReadHistoryAsync(string channelId, Ulid? before, int limit, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<MessageRow>>(
            [.. Messages.Values.Where(m => m.ChannelId == channelId && (before is null || m.MessageId < before)).Reverse().Take(limit)
                .Select(m => Changes.TryGetValue((channelId, m.MessageId), out var change) && change.Fits(m) ? m with { Change = change } : m)]);

    public ValueTask<IReadOnlyList<string>> ListChannelsAsync(string userId, string? afterChannelId, int limit, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<string>>(
            [.. Channels.Values.Where(c => c.Members.Any(m => m.UserId == userId && m.Until is null)).Select(c => c.ChannelId)
                .Where(c => afterChannelId is null || string.CompareOrdinal(c, afterChannelId) > 0).Order(StringComparer.Ordinal).Take(limit)]);

    public ValueTask<IReadOnlyList<ReceiptRow>> ReadReceiptsAsync(string channelId, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<ReceiptRow>>([.. Receipts.Values.Where(r => r.ChannelId == channelId)]);

    public ValueTask<ReadMark> FindReadAsync(string channelId, string userId, CancellationToken cancellationToken) => ValueTask.FromResult(Reads.GetValueOrDefault((channelId, userId)));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
