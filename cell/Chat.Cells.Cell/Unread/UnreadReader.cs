using System.Collections.Concurrent;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Unread;

/// <summary>
/// Answers what users have not read: from the state where its sets reach as far as the inbox, else rebuilt from the store, and put back into the state for the next one
/// who asks. Without the state the store answers. Few rebuilds run at once, so that a state that was lost is filled again without the store suffering.
/// </summary>
internal sealed partial class UnreadReader(ICellState state, IMessageStore store, TimeProvider time, ILogger<UnreadReader> logger)
{
    private const int RebuildsAtOnce = 4;
    private const int Attempts = 3;

    /// <summary>Delivery writes the inbox first and the sets right after it.</summary>
    private static readonly TimeSpan StepBehind = TimeSpan.FromMilliseconds(100);

    private readonly StoredUnread stored = new(store);
    private readonly SemaphoreSlim rebuilds = new(RebuildsAtOnce);
    private readonly ConcurrentDictionary<string, Lazy<Task<UnreadCounts>>> running = new(StringComparer.Ordinal);

    /// <summary>What a user has not read now.</summary>
    /// <exception cref="StoreException">It isn't known now.</exception>
    public async Task<UnreadCounts> ReadAsync(string userId, CancellationToken cancellationToken)
    {
        var latest = await store.FindLatestCursorAsync(userId, cancellationToken) ?? InboxCursor.Start;
        for (var attempt = 1; ; attempt++)
        {
            var counts = (await FindAsync([userId], cancellationToken))?[0];
            if (counts is not null && counts.Cursor < latest)
            {
                await Task.Delay(StepBehind, time, cancellationToken);
                counts = (await FindAsync([userId], cancellationToken))?[0];
            }
            if (counts is null || counts.Cursor < latest) counts = await RebuildAsync(userId).WaitAsync(cancellationToken);
            // A rebuild that others had begun earlier may end below.
            if (counts.Cursor >= latest || attempt == Attempts) return counts;
        }
    }

    /// <summary>What the state knows of users, in order; null when it can't be reached.</summary>
    public async Task<IReadOnlyList<UnreadCounts?>?> FindAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        try
        {
            return await state.GetUnreadAsync(userIds, cancellationToken);
        }
        catch (CellStateException e)
        {
            LogStateFailed(e.Message);
            return null;
        }
    }

    /// <summary>Counts one user's channels from the store, and leaves the state as it is.</summary>
    /// <exception cref="StoreException">It isn't known now.</exception>
    public async Task<IReadOnlyList<ChannelUnread>> CountAsync(string userId, IEnumerable<string> channelIds, CancellationToken cancellationToken)
    {
        var counts = new List<ChannelUnread>();
        foreach (var channelId in channelIds)
        {
            var channel = await stored.ReadAsync(userId, channelId, cancellationToken);
            counts.Add(new ChannelUnread(channelId, channel?.Messages.Count ?? 0, channel?.Read.UpTo));
        }
        return counts;
    }

    /// <summary>Counts from the store and fills the state. Several who ask for one user at once wait for one rebuild.</summary>
    /// <exception cref="StoreException">It isn't known now.</exception>
    public async Task<UnreadCounts> RebuildAsync(string userId)
    {
        var rebuild = running.GetOrAdd(userId, static (id, self) => new Lazy<Task<UnreadCounts>>(() => Task.Run(() => self.RebuildOneAsync(id))), this);
        try
        {
            return await rebuild.Value;
        }
        finally
        {
            running.TryRemove(new KeyValuePair<string, Lazy<Task<UnreadCounts>>>(userId, rebuild));
        }
    }

    private async Task<UnreadCounts> RebuildOneAsync(string userId)
    {
        await rebuilds.WaitAsync();
        try
        {
            GatewayMetrics.UnreadRebuilds.Add(1);
            // In this order: what is delivered after the beginning is collected there, what was delivered before is in the store.
            var at = await store.FindLatestCursorAsync(userId, CancellationToken.None) ?? InboxCursor.Start;
            var token = Ulid.NewUlid().ToString();
            var begun = await TryAsync(async () =>
            {
                await state.BeginUnreadAsync(userId, at, token, CancellationToken.None);
                return true;
            });
            var (channels, settled) = await stored.ReadAsync(userId, at, CancellationToken.None);
            if (begun && !await TryAsync(async () => await state.CompleteUnreadAsync(userId, token, channels, CancellationToken.None))) LogNotKept(userId);
            var counts = new List<ChannelUnread>(channels.Count);
            foreach (var channel in channels)
            {
                if (channel.Messages.Count > 0) counts.Add(new ChannelUnread(channel.ChannelId, channel.Messages.Count, channel.Read.UpTo));
            }
            if (settled.Count > 0) await SettleAsync(settled);
            return new UnreadCounts(at, counts);
        }
        finally
        {
            rebuilds.Release();
        }
    }

    private async Task SettleAsync(IReadOnlyList<ReceiptRow> settled)
    {
        try
        {
            await store.WriteJudgedAsync(new JudgedBatch(null, 0, [], [], [], settled, []), CancellationToken.None);
        }
        catch (StoreException e)
        {
            LogNotSettled(e); // the next rebuild reads the same once more
        }
    }

    private async Task<bool> TryAsync(Func<Task<bool>> call)
    {
        try
        {
            return await call();
        }
        catch (CellStateException e)
        {
            LogStateFailed(e.Message);
            return false;
        }
    }

    [LoggerMessage(460, LogLevel.Warning, "Unread sets can't be read or kept in the cell's state; the store answers: {Reason}")]
    private partial void LogStateFailed(string reason);

    [LoggerMessage(462, LogLevel.Warning, "How far a user's channels were found to be read could not be kept.")]
    private partial void LogNotSettled(Exception fault);

    [LoggerMessage(461, LogLevel.Debug, "The rebuilt unread sets of {UserId} could not be kept; the next who asks rebuilds them.")]
    private partial void LogNotKept(string userId);
}
