using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Unread;

/// <summary>
/// Tells sockets what their users have not read: everything when a socket has synced, then what changed, a few times a second. It follows what the sockets are sent, so a lost
/// hint delays a count exactly as long as it delays the message.
/// </summary>
internal sealed partial class UnreadFeed(ConnectionRegistry connections, UnreadReader reader, TimeProvider time, ILogger<UnreadFeed> logger) : BackgroundService
{
    private const int UsersPerCall = 500;

    /// <summary>How many users are counted from the store in one tick, when the state is away.</summary>
    private const int StoredPerTick = 100;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly Lock gate = new();
    private Dictionary<string, Due> waiting = new(StringComparer.Ordinal);

    /// <summary>A record was just delivered to a user who has these sockets here.</summary>
    public void Delivered(string userId, InboxRecord record, InboxCursor cursor, Connection[] sockets)
    {
        if (record.Kind == InboxKind.Message)
        {
            if (record.SenderId == userId) return;
            var full = true;
            foreach (var socket in sockets) full &= socket.Unread.PassOver(record.ChannelId, cursor);
            if (full) return;
        }
        lock (gate) Wait(userId, cursor).Channels.Add(record.ChannelId);
    }

    /// <summary>A socket has read its user's inbox up to a cursor.</summary>
    public void CaughtUp(Connection socket, InboxCursor cursor)
    {
        lock (gate) Wait(socket.UserId, cursor).All = true;
    }

    /// <summary>Tells everybody what is due.</summary>
    public async Task TellAsync(CancellationToken cancellationToken)
    {
        Dictionary<string, Due> taken;
        lock (gate)
        {
            if (waiting.Count == 0) return;
            taken = waiting;
            waiting = new Dictionary<string, Due>(StringComparer.Ordinal);
        }
        var due = new Queue<KeyValuePair<string, Due>>(taken.Where(u => connections.Of(u.Key).Length > 0));
        try
        {
            await TellAsync(due, cancellationToken);
        }
        catch (Exception)
        {
            // Whatever it was: those whose turn had not come are told next time. Nothing else would tell a socket that has just synced.
            foreach (var (userId, what) in due) Again(userId, what);
            throw;
        }
    }

    private async Task TellAsync(Queue<KeyValuePair<string, Due>> due, CancellationToken cancellationToken)
    {
        var stored = 0;
        while (due.Count > 0)
        {
            var users = due.Take(UsersPerCall).Select(u => u.Key).ToArray();
            var found = await reader.FindAsync(users, cancellationToken);
            for (var i = 0; i < users.Length; i++)
            {
                var (userId, what) = due.Dequeue();
                if (found is not null) TellOrRebuild(userId, what, found[i]);
                else if (++stored <= StoredPerTick) await CountAsync(userId, what, cancellationToken);
                else Again(userId, what);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await TryTellAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task TryTellAsync(CancellationToken cancellationToken)
    {
        try
        {
            await TellAsync(cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(e); // an exception that left here would stop the whole server
        }
    }

    private void TellOrRebuild(string userId, Due due, UnreadCounts? counts)
    {
        if (counts is not null && counts.Cursor >= due.Cursor)
        {
            Tell(userId, counts);
            return;
        }
        // Delivery writes the inbox first and the sets right after it: sets that are a step behind are looked at once more before they count as incomplete.
        if (counts is not null && !due.SeenBehind)
        {
            due.SeenBehind = true;
            Again(userId, due);
            return;
        }
        _ = RebuildAsync(userId, due);
    }

    private async Task RebuildAsync(string userId, Due due)
    {
        try
        {
            var counts = await reader.RebuildAsync(userId);
            Tell(userId, counts);
            if (counts.Cursor < due.Cursor) Again(userId, due); // one that others had begun earlier
        }
        catch (Exception e)
        {
            LogFailed(e); // whatever it was: nobody waits for this task
            if (e is StoreException) Again(userId, due);
        }
    }

    private async Task CountAsync(string userId, Due due, CancellationToken cancellationToken)
    {
        var sockets = connections.Of(userId);
        if (due.All || sockets.Any(s => !s.Unread.HasBegun))
        {
            _ = RebuildAsync(userId, due);
            return;
        }
        try
        {
            var counts = await reader.CountAsync(userId, due.Channels, cancellationToken);
            foreach (var socket in sockets)
            {
                Send(socket, socket.Unread.Take(counts), all: false);
                if (socket.Unread.PassedOver > due.Cursor) Again(userId, due, socket.Unread.PassedOver);
            }
        }
        catch (StoreException e)
        {
            LogFailed(e);
            Again(userId, due);
        }
    }

    private void Tell(string userId, UnreadCounts counts)
    {
        foreach (var socket in connections.Of(userId))
        {
            if (!socket.HasSynced) continue; // it is told when it has
            var changed = socket.Unread.Take(counts, out var first);
            Send(socket, changed, first);
            if (socket.Unread.PassedOver > counts.Cursor)
            {
                lock (gate) Wait(userId, socket.Unread.PassedOver);
            }
        }
    }

    private void Send(Connection socket, IReadOnlyList<ChannelUnread>? changed, bool all)
    {
        if (changed is null) return;
        GatewayMetrics.UnreadFrames.Add(1);
        socket.Send(UnreadFrames.Write(changed, all, time.GetUtcNow().ToUnixTimeMilliseconds()));
    }

    private void Again(string userId, Due due, InboxCursor? cursor = null)
    {
        lock (gate)
        {
            var waits = Wait(userId, cursor ?? due.Cursor);
            waits.All |= due.All;
            waits.SeenBehind |= due.SeenBehind && waits.Cursor == due.Cursor;
            waits.Channels.UnionWith(due.Channels);
        }
    }

    /// <summary>Under the lock.</summary>
    private Due Wait(string userId, InboxCursor cursor)
    {
        if (!waiting.TryGetValue(userId, out var due)) waiting[userId] = due = new Due();
        if (cursor > due.Cursor) due.Cursor = cursor;
        return due;
    }

    [LoggerMessage(470, LogLevel.Warning, "Unread counts could not be told.")]
    private partial void LogFailed(Exception fault);

    [LoggerMessage(471, LogLevel.Debug, "Unread counts are no longer told.")]
    private partial void LogStopped();

    /// <summary>What a user's sockets are to be told.</summary>
    private sealed class Due
    {
        /// <summary>How far the sets must reach.</summary>
        public InboxCursor Cursor { get; set; } = InboxCursor.Start;

        public HashSet<string> Channels { get; } = new(StringComparer.Ordinal);
        public bool All { get; set; }
        public bool SeenBehind { get; set; }
    }
}
