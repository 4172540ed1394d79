using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Inbox;

/// <summary>
/// Has the unread sets changed, raises the users' latest cursors and tells the servers that hold their sockets, for one partition. Best effort: whatever fails here costs
/// a tick of the heartbeat, because gateways compare cursors, and nothing else. It never stops delivery, and holds it up for no longer than <see cref="StatePatience"/> allows.
/// </summary>
internal sealed partial class HintPublisher
{
    /// <summary>About what a user or an announcement keeps in memory until it is announced, beside the record, in bytes.</summary>
    private const int EntryBytes = 256;

    private readonly ICellState state;
    private readonly CursorAnnouncer cursors;
    private readonly ILogger logger;
    private readonly StateLane<Batch> lane;

    // Of one piece of work; the next one uses them again.
    private readonly Dictionary<string, InboxCursor> latest = [];
    private readonly Dictionary<string, IReadOnlyList<string>> servers = [];

    public HintPublisher(ICellState state, CursorAnnouncer cursors, StatePatience patience, ILogger logger)
    {
        this.state = state;
        this.cursors = cursors;
        this.logger = logger;
        lane = new(PublishAsync, patience);
    }

    /// <summary>One call at a time.</summary>
    /// <param name="before">Begins what must be done before any server is told. Never fails, but for the cancellation.</param>
    public async ValueTask PublishAsync(
        Dictionary<string, InboxCursor> latest, List<(ReadOnlyMemory<byte> Record, HintedUser[] Users)> announcements, Func<Task> before, CancellationToken cancellationToken)
    {
        if (latest.Count == 0) return;
        var bytes = (long)latest.Count * EntryBytes;
        foreach (var (record, users) in announcements) bytes += record.Length + ((users.Length + 1) * EntryBytes);
        var batch = new Batch([.. latest], announcements, before);
        if (await lane.DoAsync(batch, bytes, cancellationToken)) return;
        cursors.Owe(Raised(batch.Latest));
        CellMeter.PublishFailed.Add(announcements.Count);
        CellMeter.UnreadFailed.Add(1);
        LogDropped(logger, announcements.Count);
    }

    private async Task PublishAsync(IReadOnlyList<Batch> batches, CancellationToken cancellationToken)
    {
        try
        {
            // Together, but the hints last: a gateway that has one finds the sets changed.
            var before = new Task[batches.Count];
            for (var i = 0; i < before.Length; i++) before[i] = batches[i].Before();
            latest.Clear();
            servers.Clear();
            foreach (var batch in batches)
            {
                foreach (var (user, cursor) in batch.Latest) latest[user] = cursor;
            }
            // The cursors first: a gateway that registers too late to be found reads them after that.
            var users = batches.Any(static b => b.Announcements.Count > 0) ? latest.Keys.ToList() : [];
            var raising = cursors.AdvanceAsync(Raised(latest), cancellationToken).AsTask();
            var finding = users.Count > 0 ? state.FindServersAsync(users, cancellationToken).AsTask() : Task.FromResult<IReadOnlyList<IReadOnlyList<string>>>([]);
            await Task.WhenAll([raising, finding, .. before]);
            var found = await finding;
            for (var i = 0; i < users.Count; i++) servers[users[i]] = found[i];
            var calls = new StateCalls();
            foreach (var batch in batches)
            {
                foreach (var (record, hinted) in batch.Announcements) Publish(record, hinted, ref calls, cancellationToken);
            }
            await calls.AllAsync();
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            CellMeter.PublishFailed.Add(1);
            LogFailed(logger, e);
        }
    }

    private static List<UserCursor> Raised(IReadOnlyCollection<KeyValuePair<string, InboxCursor>> latest)
    {
        var raised = new List<UserCursor>(latest.Count);
        foreach (var (user, cursor) in latest)
        {
            if (cursor > InboxCursor.Start) raised.Add(new UserCursor(user, cursor));
        }
        return raised;
    }

    private void Publish(ReadOnlyMemory<byte> record, HintedUser[] hinted, ref StateCalls calls, CancellationToken cancellationToken)
    {
        if (OnlyServerOf(hinted) is { } only)
        {
            calls.Add(state.PublishAsync(only, ServerMessage.Encode(new Hint(record, hinted)), cancellationToken));
            return;
        }
        Dictionary<string, List<HintedUser>>? byServer = null;
        foreach (var user in hinted)
        {
            foreach (var server in servers[user.UserId])
            {
                byServer ??= [];
                if (!byServer.TryGetValue(server, out var there)) byServer[server] = there = [];
                there.Add(user);
            }
        }
        if (byServer is null) return;
        foreach (var (server, there) in byServer) calls.Add(state.PublishAsync(server, ServerMessage.Encode(new Hint(record, there)), cancellationToken));
    }

    /// <summary>The server that holds the sockets of all of them; null when several do, or some have none.</summary>
    private string? OnlyServerOf(HintedUser[] hinted)
    {
        string? only = null;
        foreach (var user in hinted)
        {
            if (servers[user.UserId] is not { Count: 1 } there || (only ??= there[0]) != there[0]) return null;
        }
        return only;
    }

    /// <summary>What one batch of delivered records is to be announced with.</summary>
    private sealed record Batch(KeyValuePair<string, InboxCursor>[] Latest, List<(ReadOnlyMemory<byte> Record, HintedUser[] Users)> Announcements, Func<Task> Before);

    [LoggerMessage(12, LogLevel.Warning, "Hints could not be published; gateways will find the new cursors on their next tick.")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    [LoggerMessage(15, LogLevel.Warning, "{Count} hints were dropped, because too much waits for the fast state; gateways will find the new cursors on a tick.")]
    private static partial void LogDropped(ILogger logger, int count);
}
