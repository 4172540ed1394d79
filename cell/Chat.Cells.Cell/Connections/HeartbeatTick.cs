using System.Collections.Concurrent;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Connections;

/// <summary>
/// Every few seconds, for all users of this server at once: registers them and says their presence again, compares their latest cursors with their sockets' (so that a lost hint costs one tick),
/// and closes sockets that are silent, that take nothing, or whose token has expired.
/// </summary>
internal sealed partial class HeartbeatTick(
    CellOptions options,
    CellIdentity identity,
    ConnectionRegistry connections,
    ICellState state,
    IMessageStore store,
    InboxFeed feed,
    TimeProvider time,
    ILogger<HeartbeatTick> logger) : BackgroundService
{
    /// <summary>So many inboxes are looked into at once, where the state can't say.</summary>
    private const int ReadsAtOnce = 16;

    /// <summary>A state that was away may have missed that cursors were raised: what it says first is not believed.</summary>
    private bool doubtful;

    /// <summary>Users whose inbox could not be looked into when it should have been: what the state says of them is not believed either.</summary>
    private HashSet<string> unread = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.TickInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await TickAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private void CloseStale()
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var connection in connections.All())
        {
            if (connection.Outbound.StuckFor > options.SlowTimeout) connection.CloseTooSlow();
            else if (connection.SilentFor > options.SilenceTimeout) connection.Outbound.Abort();
            else if (connection.ExpiresAt <= now) connection.Outbound.Close(CloseCodes.Unauthorized, "token expired");
        }
    }

    private async Task TickAsync(CancellationToken cancellationToken)
    {
        try
        {
            CloseStale();
            await CompareAsync(cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(e);
        }
    }

    private async Task CompareAsync(CancellationToken cancellationToken)
    {
        var users = connections.UserIds();
        if (users.Length == 0) return;
        var cursors = await AskStateAsync(users, cancellationToken);
        List<string>? unknown = null;
        for (var i = 0; i < users.Length; i++)
        {
            if (cursors?[i] is { } latest && !doubtful && !unread.Contains(users[i])) feed.CatchUp(users[i], latest);
            else (unknown ??= []).Add(users[i]);
        }
        doubtful = cursors is null;
        if (unknown is null) return;
        // A state that forgot (or never knew, or was away) is told again from the store, so that each user is looked up once.
        var found = await ReadInboxesAsync(unknown, cancellationToken);
        if (cursors is not null && found.Count > 0) await state.AdvanceCursorsAsync(found, cancellationToken);
    }

    /// <summary>Brings sockets to where the store says that inboxes end. One that can't be read is tried again with the next tick, and keeps nobody else waiting.</summary>
    private async Task<IReadOnlyList<UserCursor>> ReadInboxesAsync(List<string> users, CancellationToken cancellationToken)
    {
        var found = new ConcurrentQueue<UserCursor>();
        var failed = new ConcurrentQueue<string>();
        Exception? fault = null;
        await Parallel.ForEachAsync(users, new ParallelOptions { MaxDegreeOfParallelism = ReadsAtOnce, CancellationToken = cancellationToken }, async (user, stop) =>
        {
            try
            {
                var latest = await store.FindLatestCursorAsync(user, stop) ?? InboxCursor.Start;
                found.Enqueue(new UserCursor(user, latest));
                feed.CatchUp(user, latest);
            }
            catch (Exception e) when (!stop.IsCancellationRequested)
            {
                failed.Enqueue(user);
                fault = e;
            }
        });
        unread = new HashSet<string>(failed, StringComparer.Ordinal);
        if (fault is not null) LogUnread(fault, failed.Count);
        return [.. found];
    }

    /// <summary>Null when the state can't be reached: then all cursors are the store's.</summary>
    private async Task<IReadOnlyList<InboxCursor?>?> AskStateAsync(string[] users, CancellationToken cancellationToken)
    {
        try
        {
            var present = new UserPresence[users.Length];
            for (var i = 0; i < users.Length; i++) present[i] = PresencePublisher.Describe(users[i], connections.Of(users[i]));
            return await state.RefreshAsync(identity.ServerId, present, options.RegistrationLife, cancellationToken);
        }
        catch (CellStateException e)
        {
            LogStateFailed(e.Message);
            return null;
        }
    }

    [LoggerMessage(440, LogLevel.Warning, "Cursors could not be compared; the next tick does it.")]
    private partial void LogFailed(Exception fault);

    [LoggerMessage(443, LogLevel.Warning, "The inboxes of {Users} users can't be read; the next tick tries them again.")]
    private partial void LogUnread(Exception fault, int users);

    [LoggerMessage(442, LogLevel.Warning, "The cell's state can't be reached; this tick reads inboxes instead: {Reason}")]
    private partial void LogStateFailed(string reason);

    [LoggerMessage(441, LogLevel.Debug, "Heartbeat ticks have stopped.")]
    private partial void LogStopped();
}
