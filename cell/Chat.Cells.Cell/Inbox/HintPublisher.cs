using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Inbox;

/// <summary>
/// Raises the users' latest cursors and tells the servers that hold their sockets. Best effort: whatever fails here costs a tick of the heartbeat, because gateways
/// compare cursors, and nothing else. It never stops delivery.
/// </summary>
internal sealed partial class HintPublisher(ICellState state, CursorAnnouncer cursors, ILogger logger)
{
    // Of one batch; the next one uses it again.
    private readonly Dictionary<string, IReadOnlyList<string>> servers = [];

    /// <summary>One call at a time.</summary>
    /// <param name="before">What must be done before any server is told.</param>
    public async ValueTask PublishAsync(
        Dictionary<string, InboxCursor> latest, List<(ReadOnlyMemory<byte> Record, HintedUser[] Users)> announcements, Task before, CancellationToken cancellationToken)
    {
        if (latest.Count == 0) return;
        try
        {
            var users = new List<string>(latest.Count);
            var raised = new List<UserCursor>(latest.Count);
            foreach (var (user, cursor) in latest)
            {
                users.Add(user);
                if (cursor > InboxCursor.Start) raised.Add(new UserCursor(user, cursor));
            }
            await cursors.AdvanceAsync(raised, cancellationToken);
            if (announcements.Count == 0) return;
            var found = await state.FindServersAsync(users, cancellationToken);
            await before;
            servers.Clear();
            for (var i = 0; i < users.Count; i++) servers[users[i]] = found[i];
            foreach (var (record, hinted) in announcements) await PublishAsync(record, hinted, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            CellMeter.PublishFailed.Add(1);
            LogFailed(logger, e);
        }
    }

    private async ValueTask PublishAsync(ReadOnlyMemory<byte> record, HintedUser[] hinted, CancellationToken cancellationToken)
    {
        if (OnlyServerOf(hinted) is { } only)
        {
            await state.PublishAsync(only, ServerMessage.Encode(new Hint(record, hinted)), cancellationToken);
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
        foreach (var (server, there) in byServer) await state.PublishAsync(server, ServerMessage.Encode(new Hint(record, there)), cancellationToken);
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

    [LoggerMessage(12, LogLevel.Warning, "Hints could not be published; gateways will find the new cursors on their next tick.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
