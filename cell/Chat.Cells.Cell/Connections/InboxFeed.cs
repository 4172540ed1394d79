using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Unread;

namespace Chat.Cells.Cell.Connections;

/// <summary>Brings sockets what is in their inboxes: by reading, one read at a time per socket, and by live records that fit exactly.</summary>
internal sealed partial class InboxFeed(ConnectionRegistry connections, IMessageStore store, UnreadFeed unread, LiveHandler live, TimeProvider time, ILogger<InboxFeed> logger)
{
    private const int RowsPerRead = 100;
    private const int BatchBytes = 256 * 1024;
    private static readonly TimeSpan RetentionOfRows = TimeSpan.FromDays(90);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(500);

    /// <summary>A message is stored before any inbox has a reference to it: one that isn't there so many times isn't there.</summary>
    private const int Lookups = 5;

    /// <summary>
    /// Begins a socket at the cursor that its client has. What can't be continued from (nothing, malformed, older than what is kept, of an earlier epoch, never given out) is
    /// answered with <c>sync_reset</c>. False when the socket has begun before.
    /// </summary>
    public async Task<bool> BeginAsync(Connection connection, string? clientCursor, CancellationToken cancellationToken)
    {
        if (connection.HasBegun) return false;
        var latest = await store.FindLatestCursorAsync(connection.UserId, cancellationToken) ?? InboxCursor.Start;
        if (clientCursor is not null && InboxCursor.TryParse(clientCursor, out var cursor) && CanContinue(cursor, latest, connection.Epoch))
        {
            if (!connection.TryBegin(cursor)) return false;
            GatewayMetrics.Reconnections.Add(1, GatewayMetrics.Outcome("continued"));
            StartReading(connection, asSync: true);
            return true;
        }
        if (!connection.TryBegin(latest)) return false;
        if (clientCursor is not null) GatewayMetrics.Reconnections.Add(1, GatewayMetrics.Outcome("reset"));
        connection.Send(ServerFrames.SyncReset(latest.ToString(), Now));
        StartReading(connection, asSync: false);
        return true;
    }

    /// <summary>A record was just stored: forwards it to the sockets that stand right before it.</summary>
    public void Deliver(Hint hint)
    {
        InboxRecord? record = null;
        foreach (var user in hint.Users)
        {
            var sockets = connections.Of(user.UserId);
            if (sockets.Length == 0) continue;
            record ??= InboxRecord.Decode(hint.Record);
            var frame = record.IsReference ? [] : EventFrames.Live(record, record.Payload.Span, user.UserId, user.Cursor, Now);
            foreach (var socket in sockets)
            {
                var mustRead = socket.Offer(record, user.Previous, user.Cursor, frame);
                GatewayMetrics.Hints.Add(1, GatewayMetrics.Outcome(mustRead ? "read" : "taken"));
                if (mustRead) StartReading(socket, asSync: false);
                else if (record.Kind == InboxKind.ChannelChanged) live.ChannelChanged(socket);
            }
            unread.Delivered(user.UserId, record, user.Cursor, sockets);
        }
    }

    /// <summary>A user's inbox has reached a cursor: sockets behind it are brought there.</summary>
    public void CatchUp(string userId, InboxCursor latest)
    {
        foreach (var socket in connections.Of(userId))
        {
            if (socket.Reached(latest)) StartReading(socket, asSync: false);
        }
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private bool CanContinue(InboxCursor cursor, InboxCursor latest, int epoch)
    {
        if (cursor > latest) return false;
        if (cursor == InboxCursor.Start) return true;
        // Above the user's own epoch: the inbox topic began anew since; its cursors go on from there.
        return cursor.Epoch >= epoch && cursor.Bucket >= InboxCursor.BucketOf((time.GetUtcNow() - RetentionOfRows).ToUnixTimeMilliseconds());
    }

    /// <summary>On a thread of its own: an embedded store reads on its caller's, and hints of other users wait there.</summary>
    private void StartReading(Connection connection, bool asSync) => _ = Task.Run(() => ReadAsync(connection, asSync));

    private async Task ReadAsync(Connection connection, bool asSync)
    {
        while (connection.Outbound.IsOpen)
        {
            try
            {
                if (await ReadOnceAsync(connection, asSync)) asSync = false;
                if (asSync || !connection.TryGoLive(out var at)) continue;
                unread.CaughtUp(connection, at);
                return;
            }
            catch (Exception e)
            {
                // Whatever it was: a socket that stayed here would get nothing any more, though it looks alive.
                LogReadFailed(e, connection.UserId);
                await Task.Delay(RetryDelay, time);
            }
        }
    }

    /// <summary>Reads from the socket's cursor to the end. True when it got there.</summary>
    private async Task<bool> ReadOnceAsync(Connection connection, bool asSync)
    {
        while (connection.Outbound.IsOpen)
        {
            GatewayMetrics.InboxReads.Add(1);
            var from = connection.BeginRead();
            var rows = await store.ReadInboxAsync(connection.UserId, from, RowsPerRead, CancellationToken.None);
            var last = rows.Count < RowsPerRead;
            if (asSync) await SendBatchesAsync(connection, rows, from, last);
            else await SendLiveAsync(connection, rows);
            if (last) return true;
        }
        return true;
    }

    private async Task SendBatchesAsync(Connection connection, IReadOnlyList<InboxRow> rows, InboxCursor from, bool last)
    {
        var batch = EventFrames.BeginBatch();
        var sent = new List<(InboxRecord, InboxCursor)>();
        for (var i = 0; i < rows.Count; i++)
        {
            if (await ResolveAsync(rows[i]) is not (var record, var members)) continue;
            EventFrames.AddToBatch(batch, sent.Count == 0, record, members.Span, connection.UserId, rows[i].Cursor);
            sent.Add((record, rows[i].Cursor));
            if (batch.WrittenCount < BatchBytes || i == rows.Count - 1) continue;
            await connection.Outbound.WaitForRoomAsync();
            connection.Advance(EventFrames.EndBatch(batch, rows[i].Cursor, more: true, Now), sent.ToArray());
            batch = EventFrames.BeginBatch();
            sent.Clear();
        }
        await connection.Outbound.WaitForRoomAsync();
        var cursor = rows.Count > 0 ? rows[^1].Cursor : from;
        connection.Advance(EventFrames.EndBatch(batch, cursor, more: !last, Now), sent.ToArray());
        connection.PassOver(cursor);
    }

    private async Task SendLiveAsync(Connection connection, IReadOnlyList<InboxRow> rows)
    {
        foreach (var row in rows)
        {
            if (await ResolveAsync(row) is not (var record, var members))
            {
                connection.PassOver(row.Cursor);
                continue;
            }
            await connection.Outbound.WaitForRoomAsync();
            connection.Advance(EventFrames.Live(record, members.Span, connection.UserId, row.Cursor, Now), [(record, row.Cursor)]);
            GatewayMetrics.DeliveredLive(record, Now);
            if (record.Kind == InboxKind.ChannelChanged) live.ChannelChanged(connection);
        }
    }

    /// <summary>
    /// A row's record with the JSON members of its payload; a reference is followed to the message, or to its change. Null for a row that nobody can ever show: it is passed over, because a
    /// user whose devices stopped there would get nothing any more; and for a change after which the message was changed again, which has an event of its own.
    /// </summary>
    private async ValueTask<(InboxRecord Record, ReadOnlyMemory<byte> Members)?> ResolveAsync(InboxRow row)
    {
        InboxRecord record;
        try
        {
            record = InboxRecord.Decode(row.Payload);
        }
        catch (RecordFormatException e)
        {
            GatewayMetrics.InboxUnreadable.Add(1);
            LogUnreadable(row.Cursor, row.UserId, e.Message);
            return null;
        }
        if (!record.IsReference) return (record, record.Payload);
        for (var lookup = 1; ; lookup++)
        {
            if (record.Kind == InboxKind.MessageChanged)
            {
                var change = await store.FindChangeAsync(record.ChannelId, record.ReferredMessage, CancellationToken.None);
                // Only edits are long, and only its sender edits a message.
                if (change?.EventId == record.EventId) return (record, EventPayload.FullMessageChanged(change, record.SenderId));
                if (change is not null) return null;
            }
            else if (await store.FindMessageAsync(record.ChannelId, record.EventId, CancellationToken.None) is { } message)
            {
                return (record, EventPayload.FullMessage(message));
            }
            if (lookup == Lookups) break;
            await Task.Delay(RetryDelay, time);
        }
        GatewayMetrics.InboxUnreadable.Add(1);
        LogUnreadable(row.Cursor, row.UserId, $"message {record.ReferredMessage} of {record.ChannelId} is not in the store");
        return null;
    }

    [LoggerMessage(411, LogLevel.Error, "What stands at {Cursor} in the inbox of {UserId} can't be shown and is passed over: {Reason}")]
    private partial void LogUnreadable(InboxCursor cursor, string userId, string reason);

    [LoggerMessage(410, LogLevel.Warning, "The inbox of {UserId} could not be read; it is tried again.")]
    private partial void LogReadFailed(Exception fault, string userId);
}
