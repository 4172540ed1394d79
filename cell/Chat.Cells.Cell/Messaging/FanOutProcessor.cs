using System.Text;
using Chat.Cells.Cell.Bridging;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Messaging;

/// <summary>
/// Carries out what the judge decides for one partition, a batch at a time: rows; inbox and bridge records in source order; verdicts; the commit. It can stop between
/// any two of them: whatever was not committed is judged again, to the same effects.
/// </summary>
internal sealed partial class FanOutProcessor(
    IPartitionAssignment assignment,
    Judge judge,
    JudgeState state,
    IMessageLog log,
    IMessageStore store,
    InboxAppender inbox,
    BridgeOutbox bridges,
    VerdictPublisher verdicts,
    WorkLatency latency,
    ILogger logger) : IPartitionProcessor
{
    private static readonly KeyValuePair<string, object?>[] Outcomes =
        [.. Enum.GetValues<JudgedAs>().Select(o => new KeyValuePair<string, object?>("outcome", o.ToString().ToLowerInvariant()))];

    private readonly ushort logPartition = Topics.LogPartition(assignment.Partition);

    public async ValueTask ProcessAsync(IReadOnlyList<LogRecord> batch, CancellationToken revoked)
    {
        for (var start = 0; start < batch.Count; start += JudgeState.MaxBatch)
        {
            await ProcessPartAsync(batch, start, Math.Min(batch.Count, start + JudgeState.MaxBatch), revoked);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask ProcessPartAsync(IReadOnlyList<LogRecord> batch, int start, int end, CancellationToken revoked)
    {
        var decoded = new ChannelRecord?[end - start];
        var poison = new List<(LogRecord Record, string Reason)>();
        for (var i = start; i < end; i++)
        {
            try
            {
                decoded[i - start] = Decode(batch[i]);
            }
            catch (RecordFormatException e)
            {
                poison.Add((batch[i], e.Message));
            }
        }
        await LoadAsync(decoded, revoked);

        var judgements = new List<Judgement>(decoded.Length);
        for (var i = start; i < end; i++)
        {
            if (decoded[i - start] is not { } record) continue;
            try
            {
                judgements.Add(judge.Decide(state, batch[i].Offset, batch[i].AppendTime, record));
            }
            catch (RecordFormatException e)
            {
                poison.Add((batch[i], e.Message));
            }
        }

        await WriteAsync(judgements, revoked);
        await AppendAsync(judgements, revoked);
        foreach (var (record, reason) in poison)
        {
            LogPoison(logger, assignment.Partition.Topic, assignment.Partition.Partition, record.Offset, reason);
            await DeadLetter.PutAsync(log, FanOutRole.Group, assignment.Partition, record, reason, revoked);
        }
        await verdicts.PublishAsync(judgements, revoked);
        await assignment.CommitAsync(batch[end - 1].Offset + 1, PartitionTime.ToMetadata(state.LastTime), revoked);

        foreach (var judgement in judgements) CellMeter.Judged.Add(1, Outcomes[(int)judgement.As]);
        latency.Report(batch[end - 1]);
    }

    private ChannelRecord Decode(LogRecord record)
    {
        var decoded = ChannelRecord.Decode(record.Value);
        if (!ChannelId.TryGetType(decoded.ChannelId, out var type) || Topics.ForChannel(type) != assignment.Partition.Topic)
        {
            throw new RecordFormatException("The channel id is not one of this topic.");
        }
        if (!record.Key.Span.SequenceEqual(Encoding.UTF8.GetBytes(decoded.ChannelId))) throw new RecordFormatException("The key is not the channel id.");
        StoreKeys.Check(decoded);
        return decoded;
    }

    private async ValueTask LoadAsync(ChannelRecord?[] records, CancellationToken revoked)
    {
        var channels = new Dictionary<string, Task<ChannelRow?>>();
        var requests = new Dictionary<RequestKey, Task<RequestRow?>>();
        Dictionary<(string Channel, Ulid Id), (Task<MessageRow?> Row, Task<MessageChange?> Change)>? messages = null; // seldom any
        state.ForgetMessages();
        foreach (var record in records)
        {
            if (record is null) continue;
            if (!state.Knows(record.ChannelId) && !channels.ContainsKey(record.ChannelId))
            {
                channels[record.ChannelId] = store.FindChannelAsync(record.ChannelId, revoked).AsTask();
            }
            var (own, after) = Judge.RequestsOf(record);
            Want(own);
            Want(after);
            if (record is not ChangeRecord change || messages?.ContainsKey((change.ChannelId, change.MessageId)) == true) continue;
            (messages ??= []).Add(
                (change.ChannelId, change.MessageId),
                (store.FindMessageAsync(change.ChannelId, change.MessageId, revoked).AsTask(), store.FindChangeAsync(change.ChannelId, change.MessageId, revoked).AsTask()));
        }
        await Task.WhenAll(channels.Values);
        await Task.WhenAll(requests.Values);
        foreach (var (id, row) in channels) state.Load(id, await row);
        foreach (var (key, row) in requests) state.Load(key, await row);
        foreach (var ((channel, id), (row, change)) in messages ?? []) state.Load(channel, id, new KnownMessage(await row, await change));

        void Want(RequestKey? wanted)
        {
            if (wanted is not { } key || state.Knows(key) || requests.ContainsKey(key)) return;
            requests[key] = store.FindRequestAsync(key.ChannelId, key.SenderId, key.RequestId, revoked).AsTask();
        }
    }

    private async ValueTask WriteAsync(List<Judgement> judgements, CancellationToken revoked)
    {
        var messages = new List<MessageRow>();
        List<MessageChange>? changes = null; // seldom any
        var channels = new List<ChannelRow>();
        var receipts = new List<ReceiptRow>();
        var requests = new List<RequestRow>();
        foreach (var judgement in judgements)
        {
            if (judgement.Message is { } message) messages.Add(message);
            if (judgement.Change is { } change) (changes ??= []).Add(change);
            if (judgement.Channel is { } channel) channels.Add(channel);
            if (judgement.Receipt is { } receipt) receipts.Add(receipt);
            if (judgement.Request is { } request) requests.Add(request);
        }
        if (messages.Count + (changes?.Count ?? 0) + channels.Count + receipts.Count + requests.Count == 0) return;
        await store.WriteJudgedAsync(new JudgedBatch(logPartition, state.LastTime, messages, changes ?? [], channels, receipts, requests), revoked);
    }

    private async ValueTask AppendAsync(List<Judgement> judgements, CancellationToken revoked)
    {
        var pending = new List<Task>();
        var outbound = new List<OutboundRecord>();
        inbox.BeginBatch();
        foreach (var judgement in judgements)
        {
            foreach (var record in judgement.Inbox) inbox.Append(record, pending, revoked);
            outbound.AddRange(judgement.Outbound);
        }
        if (outbound.Count > 0) pending.Add(bridges.AppendAsync(outbound, revoked));
        await Task.WhenAll(pending);
    }

    [LoggerMessage(2, LogLevel.Error, "{Topic}[{Partition}] offset {Offset} can't be judged and goes to chat.dead: {Reason}")]
    private static partial void LogPoison(ILogger logger, string topic, int partition, long offset, string reason);
}
