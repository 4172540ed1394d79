using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Unread;

namespace Chat.Cells.Cell.Inbox;

/// <summary>Delivers one inbox partition, a batch at a time: rows and marks; unread sets, latest cursors and hints (best effort); the commit.</summary>
internal sealed partial class DeliveryProcessor(
    IPartitionAssignment assignment,
    DeliveryState state,
    IMessageLog log,
    IMessageStore store,
    UnreadWriter unread,
    HintPublisher hints,
    WorkLatency latency,
    ILogger logger) : IPartitionProcessor
{
    private const int MaxBatch = 512;

    // Of one batch; the next one uses it again.
    private readonly Dictionary<string, InboxCursor> latest = [];
    private readonly LostPredecessor lost = new(log, assignment.Partition);

    public async ValueTask ProcessAsync(IReadOnlyList<LogRecord> batch, CancellationToken revoked)
    {
        for (var start = 0; start < batch.Count; start += MaxBatch)
        {
            await ProcessPartAsync(batch, start, Math.Min(batch.Count, start + MaxBatch), revoked);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask ProcessPartAsync(IReadOnlyList<LogRecord> batch, int start, int end, CancellationToken revoked)
    {
        var events = new List<DeliveredEvent>(end - start);
        var marks = new Dictionary<long, long>();
        var seenBefore = new HashSet<string>();
        for (var i = start; i < end; i++)
        {
            var record = await DecodeAsync(batch[i], revoked);
            var cursor = state.CursorOf(batch[i].Offset, batch[i].AppendTime);
            if ((record?.Place ?? InboxRecord.FindPlace(batch[i].Value)) is not { } place) continue;
            switch (await AdmitAsync(batch[i], place, revoked))
            {
                case Admission.Deliver:
                    // Of one that can't be read too: what follows it is not to wait for it.
                    marks[place.Source] = place.SourceOffset;
                    if (record is not null) events.Add(new DeliveredEvent(InboxRecord.EncodeRow(record), cursor, record.Recipients, UnreadEvent.Of(record)));
                    break;
                case Admission.Duplicate:
                    // Perhaps written just before a crash, but never announced: the announcement is made good below.
                    CellMeter.DuplicatesDropped.Add(1);
                    if (record is not null) seenBefore.UnionWith(record.Recipients);
                    break;
                default:
                    CellMeter.GapsDropped.Add(1);
                    LogGap(logger, assignment.Partition.Partition, batch[i].Offset);
                    break;
            }
        }

        await LoadCursorsAsync(events, seenBefore, revoked);
        if (marks.Count > 0) await WriteAsync(events, marks, revoked);
        await AnnounceAsync(events, seenBefore, revoked);
        await assignment.CommitAsync(batch[end - 1].Offset + 1, DeliveryBucket.ToMetadata(state.Bucket), revoked);
        latency.Report(batch[end - 1]);
    }

    private async ValueTask<Admission> AdmitAsync(LogRecord record, InboxPlace place, CancellationToken revoked)
    {
        var admission = state.Admit(place);
        if (admission != Admission.Gap || !await lost.IsBeforeAsync(record, place, state.MarkOf(place.Source), revoked)) return admission;
        LogLost(logger, assignment.Partition.Partition, record.Offset);
        state.Raise(place);
        return Admission.Deliver;
    }

    private async ValueTask<InboxRecord?> DecodeAsync(LogRecord record, CancellationToken revoked)
    {
        try
        {
            return InboxRecord.Decode(record.Value);
        }
        catch (RecordFormatException e)
        {
            LogPoison(logger, assignment.Partition.Partition, record.Offset, e.Message);
            await DeadLetter.PutAsync(log, DeliveryRole.Group, assignment.Partition, record, e.Message, revoked);
            return null;
        }
    }

    /// <summary>Loads the recipients' cursors as they are before this batch's rows are written.</summary>
    private async ValueTask LoadCursorsAsync(List<DeliveredEvent> events, HashSet<string> seenBefore, CancellationToken revoked)
    {
        var loads = new Dictionary<string, Task<InboxCursor?>>();
        foreach (var delivered in events)
        {
            foreach (var user in delivered.Users) Want(user);
        }
        foreach (var user in seenBefore) Want(user);
        foreach (var (user, load) in loads) state.Latest.Set(user, await load ?? InboxCursor.Start);

        void Want(string user)
        {
            if (!state.Latest.TryGet(user, out _) && !loads.ContainsKey(user)) loads[user] = store.FindLatestCursorAsync(user, revoked).AsTask();
        }
    }

    private async ValueTask WriteAsync(List<DeliveredEvent> events, Dictionary<long, long> marks, CancellationToken revoked)
    {
        var count = 0;
        foreach (var delivered in events) count += delivered.Users.Count;
        var rows = new List<InboxRow>(count);
        foreach (var delivered in events)
        {
            foreach (var user in delivered.Users) rows.Add(new InboxRow(user, delivered.Cursor, delivered.Record));
        }
        var highWater = new List<HighWaterMark>(marks.Count);
        foreach (var (source, offset) in marks) highWater.Add(new HighWaterMark(source, offset));
        await store.WriteDeliveredAsync(new DeliveredBatch(assignment.Partition.Partition, rows, highWater), revoked);
        CellMeter.Delivered.Add(rows.Count);
    }

    private async ValueTask AnnounceAsync(List<DeliveredEvent> events, HashSet<string> seenBefore, CancellationToken revoked)
    {
        latest.Clear();
        var announcements = new List<(ReadOnlyMemory<byte> Record, HintedUser[] Users)>(events.Count);
        var changes = new UnreadBatch();
        foreach (var user in seenBefore) latest[user] = CursorOf(user);
        foreach (var delivered in events)
        {
            var users = new HintedUser[delivered.Users.Count];
            for (var i = 0; i < users.Length; i++)
            {
                var user = delivered.Users[i];
                users[i] = new HintedUser(user, latest.TryGetValue(user, out var previous) ? previous : CursorOf(user), delivered.Cursor);
                latest[user] = delivered.Cursor;
                changes.Add(user, users[i].Previous, delivered.Cursor, delivered.Unread);
            }
            announcements.Add((delivered.Record, users));
        }
        foreach (var user in seenBefore) changes.Check(user, latest[user]);
        foreach (var (user, cursor) in latest) state.Latest.Set(user, cursor);
        await hints.PublishAsync(latest, announcements, () => unread.ApplyAsync(changes, revoked), revoked);

        InboxCursor CursorOf(string user) => state.Latest.TryGet(user, out var cursor) ? cursor : InboxCursor.Start;
    }

    private readonly record struct DeliveredEvent(ReadOnlyMemory<byte> Record, InboxCursor Cursor, IReadOnlyList<string> Users, UnreadEvent Unread);

    [LoggerMessage(10, LogLevel.Warning, "Inbox record {Partition}:{Offset} follows one that was not appended; both come again.")]
    private static partial void LogGap(ILogger logger, int partition, long offset);

    [LoggerMessage(12, LogLevel.Warning, "Inbox record {Partition}:{Offset} follows one that can't be read or that the log has no more; it is delivered without it.")]
    private static partial void LogLost(ILogger logger, int partition, long offset);

    [LoggerMessage(11, LogLevel.Error, "Inbox record {Partition}:{Offset} can't be read and goes to chat.dead: {Reason}")]
    private static partial void LogPoison(ILogger logger, int partition, long offset, string reason);
}
