using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Bridging;

/// <summary>
/// Serves one partition of one peer's records, in order: message, change and receipt rows, then inbox records and hints; a channel's state goes to the local channel
/// partition, and what follows it waits until it is judged there, so that nobody gets a message of a channel that they were not told of, or is refused when they answer.
/// Every effect may be done again: rows are idempotent, inbox records carry the origin's position, states their version, commands their request id.
/// </summary>
internal sealed partial class BridgeInProcessor(
    IPartitionAssignment assignment,
    string peer,
    IMessageLog log,
    IMessageStore store,
    Topics topics,
    InboxAppender inbox,
    VerdictPublisher publisher,
    JudgedWait judged,
    InboundCounts counts,
    WorkLatency latency,
    ILogger logger) : IPartitionProcessor
{
    private readonly ushort lane = (ushort)(1 + assignment.Partition.Partition);
    private readonly KeyValuePair<string, object?> tag = new("source", peer);
    private long? place = BridgedValue.PlaceFrom(assignment.Committed?.Metadata);

    public async ValueTask ProcessAsync(IReadOnlyList<LogRecord> batch, CancellationToken revoked)
    {
        var run = new List<BridgeRecord>(batch.Count);
        var served = 0;
        foreach (var record in batch)
        {
            if (await DecodeAsync(record, revoked) is not { } bridged) continue;
            if (bridged.Body is BridgedChange change && await FindRefusalAsync(change, run, revoked) is { } reason)
            {
                await BuryAsync(record, reason, revoked);
                continue;
            }
            served++;
            if (bridged.Body is not BridgedChannelRecord channel)
            {
                run.Add(bridged);
                continue;
            }
            await ServeAsync(run, revoked);
            run.Clear();
            await PassToJudgeAsync(record, channel, revoked);
        }
        await ServeAsync(run, revoked);
        await assignment.CommitAsync(batch[^1].Offset + 1, place is { } offset ? BridgedValue.ToMetadata(offset) : "", revoked);
        counts.AddServed(served);
        CellMeter.BridgeServed.Add(served, tag);
        latency.Report(batch[^1]);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask<BridgeRecord?> DecodeAsync(LogRecord record, CancellationToken revoked)
    {
        try
        {
            var (sourceOffset, value) = BridgedValue.Decode(record.Value);
            place = sourceOffset;
            return value.IsEmpty ? null : BridgeRecord.Decode(value); // empty: refused when it came
        }
        catch (RecordFormatException e)
        {
            await BuryAsync(record, e.Message, revoked);
            return null;
        }
    }

    /// <summary>A change is held against its message where that is here: in the store, or among what is served along with it.</summary>
    private async ValueTask<string?> FindRefusalAsync(BridgedChange change, List<BridgeRecord> run, CancellationToken revoked)
    {
        var near = run.FindLast(r => r.Body is BridgedMessage m && m.MessageId == change.MessageId && m.ChannelId == change.ChannelId);
        var message = near is { Body: BridgedMessage sent } ? RowOf(sent) : await store.FindMessageAsync(change.ChannelId, change.MessageId, revoked);
        return BridgeAdmission.Refusal(change, message);
    }

    private async ValueTask PassToJudgeAsync(LogRecord record, BridgedChannelRecord body, CancellationToken revoked)
    {
        ChannelRecord forJudge;
        try
        {
            forJudge = BridgeAdmission.ForJudge(body, peer);
        }
        catch (RecordFormatException e)
        {
            await BuryAsync(record, e.Message, revoked);
            return;
        }
        if (!ChannelId.TryGetType(body.ChannelId, out var type))
        {
            await BuryAsync(record, "Its channel id is malformed.", revoked);
            return;
        }
        var key = Encoding.UTF8.GetBytes(body.ChannelId);
        var topic = Topics.ForChannel(type);
        var partition = new TopicPartition(topic, KeyPartitioner.PartitionFor(key, type == ChannelType.Direct ? topics.Direct : topics.Group));
        var position = await log.AppendAsync(partition, key, ChannelRecord.Encode(forJudge), revoked);
        if (forJudge is SnapshotRecord) await judged.UntilJudgedAsync(partition, position.Offset, revoked);
    }

    private async ValueTask ServeAsync(List<BridgeRecord> run, CancellationToken revoked)
    {
        if (run.Count == 0) return;
        var messages = new List<MessageRow>();
        List<MessageChange>? changes = null; // seldom any
        var receipts = new List<ReceiptRow>();
        foreach (var record in run)
        {
            if (record.Body is BridgedMessage m) messages.Add(RowOf(m));
            if (record.Body is BridgedChange c) (changes ??= []).Add(ChangeOf(c));
            if (record.Body is BridgedReceipt r) receipts.Add(new ReceiptRow(r.ChannelId, r.UserId, r.DeliveredUpTo, r.ReadUpTo));
        }
        await store.WriteJudgedAsync(new JudgedBatch(null, 0, messages, changes ?? [], [], receipts, []), revoked);

        var pending = new List<Task>();
        var hints = new List<Judgement>();
        inbox.BeginBatch();
        foreach (var record in run)
        {
            switch (record.Body)
            {
                case BridgedMessage m:
                    inbox.Append(EventOf(record, m), pending, revoked);
                    break;
                case BridgedChange c:
                    inbox.Append(EventOf(record, c), pending, revoked);
                    break;
                case BridgedReceipt r:
                    hints.Add(new Judgement { As = JudgedAs.Accepted, ReceiptHint = new ReceiptHint(r.ChannelId, r.UserId, r.DeliveredUpTo, r.ReadUpTo, r.Recipients) });
                    break;
            }
        }
        await Task.WhenAll(pending);
        await publisher.PublishAsync(hints, revoked);
    }

    private static MessageRow RowOf(BridgedMessage m) => new(m.ChannelId, m.MessageId, m.SenderId, m.ContentType, m.Content, m.ReplyTo, m.ChannelVersion);

    private InboxRecord EventOf(BridgeRecord record, BridgedMessage m) => new(
        InboxSource.Create(record.OriginCell, record.OriginPartition, lane),
        InboxSource.Offset(record.OriginOffset),
        m.Recipients,
        InboxKind.Message,
        m.ChannelId,
        m.MessageId,
        m.SenderId,
        "",
        m.ChannelVersion,
        EventPayload.Message(RowOf(m)));

    private static MessageChange ChangeOf(BridgedChange c) => new(c.ChannelId, c.MessageId, c.EventId, c.IsDeletion, c.ChangedBy, c.ContentType, c.Content);

    private InboxRecord EventOf(BridgeRecord record, BridgedChange c) => new(
        InboxSource.Create(record.OriginCell, record.OriginPartition, lane),
        InboxSource.Offset(record.OriginOffset),
        c.Recipients,
        InboxKind.MessageChanged,
        c.ChannelId,
        c.EventId,
        c.ChangedBy,
        "",
        c.ChannelVersion,
        EventPayload.MessageChanged(ChangeOf(c), c.SenderId));

    private async ValueTask BuryAsync(LogRecord record, string reason, CancellationToken revoked)
    {
        LogBad(logger, assignment.Partition.Topic, assignment.Partition.Partition, record.Offset, reason);
        await DeadLetter.PutAsync(log, BridgeInRole.Group, assignment.Partition, record, reason, revoked);
    }

    [LoggerMessage(31, LogLevel.Error, "{Topic}[{Partition}] offset {Offset} can't be served and goes to chat.dead: {Reason}")]
    private static partial void LogBad(ILogger logger, string topic, int partition, long offset, string reason);
}
