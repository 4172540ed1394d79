using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Inbox;

/// <summary>
/// Raises users' latest cursors in the cell's state, and goes on trying with those that it could not raise: a state that comes back with what it held before still has
/// the old ones, which a gateway would take for the latest, and nobody would read the inbox until the user's next message. Raising late does no harm, because a cursor only grows.
/// </summary>
internal sealed partial class CursorAnnouncer(ICellState state, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>Above it the oldest are not kept: then it is the gateways' doubt (they read inboxes after an outage) that finds them.</summary>
    private const int MaxMissed = 200_000;

    /// <summary>So many are raised in one call: more would not be done within the state's time-out, however often they were tried.</summary>
    private const int CursorsPerCall = 2_000;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    private readonly CancellationTokenSource stopping = new();
    private readonly Lock gate = new();
    private readonly Dictionary<string, InboxCursor> missed = [];
    private Task retrying = Task.CompletedTask;

    /// <exception cref="Exception">Whatever the state's engine throws; the cursors are tried again by themselves.</exception>
    public async ValueTask AdvanceAsync(IReadOnlyList<UserCursor> cursors, CancellationToken cancellationToken)
    {
        try
        {
            await state.AdvanceCursorsAsync(cursors, cancellationToken);
        }
        catch (Exception)
        {
            Owe(cursors);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        Task last;
        lock (gate) last = retrying;
        await last;
        stopping.Dispose();
    }

    /// <summary>Raises them later.</summary>
    public void Owe(IReadOnlyList<UserCursor> cursors)
    {
        lock (gate)
        {
            foreach (var (user, cursor) in cursors)
            {
                if (missed.TryGetValue(user, out var known) ? cursor > known : missed.Count < MaxMissed) missed[user] = cursor;
            }
            if (retrying.IsCompleted && missed.Count > 0 && !stopping.IsCancellationRequested) retrying = Task.Run(RetryAsync);
        }
    }

    private async Task RetryAsync()
    {
        while (true)
        {
            await Task.Delay(RetryInterval, time, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stopping.IsCancellationRequested) return;
            try
            {
                while (await RaiseSomeAsync())
                {
                    if (stopping.IsCancellationRequested) return;
                }
                return;
            }
            catch (Exception e)
            {
                // Whatever it is, it is tried again; delivery itself has said that the state fails.
                LogStillMissed(logger, e.Message);
            }
        }
    }

    /// <summary>False when none is left; then this retrying has ended.</summary>
    private async Task<bool> RaiseSomeAsync()
    {
        UserCursor[] again;
        lock (gate) again = [.. missed.Take(CursorsPerCall).Select(m => new UserCursor(m.Key, m.Value))];
        await state.AdvanceCursorsAsync(again, stopping.Token);
        lock (gate)
        {
            foreach (var (user, cursor) in again)
            {
                if (missed.TryGetValue(user, out var now) && now == cursor) missed.Remove(user);
            }
            if (missed.Count > 0) return true;
            retrying = Task.CompletedTask;
            return false;
        }
    }

    [LoggerMessage(13, LogLevel.Debug, "Users' latest cursors could not be raised yet: {Reason}")]
    private static partial void LogStillMissed(ILogger logger, string reason);
}
