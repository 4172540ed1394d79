using System.Collections.Concurrent;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Memory;

/// <summary>The embedded <see cref="ICellState"/>: one process's memory. What has expired is dropped when it is met, and swept now and then.</summary>
public sealed partial class MemoryCellState : ICellState, IAsyncDisposable
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

    private readonly TimeProvider time;
    private readonly ITimer sweeper;
    private readonly ConcurrentDictionary<string, UserServers> servers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, LatestCursor> cursors = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TokenBucket> buckets = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, OnceValue> once = new(StringComparer.Ordinal);
    private readonly Mailboxes mailboxes = new();

    public MemoryCellState(TimeProvider time)
    {
        this.time = time;
        sweeper = time.CreateTimer(static state => ((MemoryCellState)state!).Sweep(), this, SweepInterval, SweepInterval);
    }

    public ValueTask RegisterAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        var until = time.GetUtcNow() + timeToLive;
        foreach (var userId in userIds)
        {
            while (true)
            {
                var entry = servers.GetOrAdd(userId, static _ => new UserServers());
                lock (entry)
                {
                    if (entry.Removed) continue;
                    entry.Until.Set(serverId, until);
                    break;
                }
            }
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask UnregisterAsync(string serverId, string userId, CancellationToken cancellationToken)
    {
        if (servers.TryGetValue(userId, out var entry))
        {
            lock (entry)
            {
                entry.Until.Remove(serverId);
                RemoveIfEmpty(userId, entry);
            }
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<IReadOnlyList<string>>> FindServersAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var found = new IReadOnlyList<string>[userIds.Count];
        for (var i = 0; i < found.Length; i++)
        {
            found[i] = [];
            if (!servers.TryGetValue(userIds[i], out var entry)) continue;
            lock (entry) found[i] = entry.LiveAt(now);
        }
        return new ValueTask<IReadOnlyList<IReadOnlyList<string>>>(found);
    }

    public ValueTask AdvanceCursorsAsync(IReadOnlyList<UserCursor> cursors, CancellationToken cancellationToken)
    {
        foreach (var (userId, cursor) in cursors)
        {
            var entry = this.cursors.GetOrAdd(userId, static (_, first) => new LatestCursor { Value = first }, cursor);
            lock (entry)
            {
                if (cursor > entry.Value) entry.Value = cursor;
            }
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<InboxCursor?>> GetCursorsAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        var found = new InboxCursor?[userIds.Count];
        for (var i = 0; i < found.Length; i++)
        {
            if (!cursors.TryGetValue(userIds[i], out var entry)) continue;
            lock (entry) found[i] = entry.Value;
        }
        return new ValueTask<IReadOnlyList<InboxCursor?>>(found);
    }

    public ValueTask PublishAsync(string serverId, ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        mailboxes.Publish(serverId, message);
        return ValueTask.CompletedTask;
    }

    public ValueTask<IAsyncDisposable> SubscribeAsync(string serverId, Action<ReadOnlyMemory<byte>> handler, CancellationToken cancellationToken) =>
        new(mailboxes.Subscribe(serverId, handler));

    public ValueTask<TimeSpan> TakeTokenAsync(string bucket, int capacity, double refillPerSecond, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(refillPerSecond);
        var now = time.GetUtcNow();
        while (true)
        {
            var entry = buckets.GetOrAdd(bucket, static (_, full) => new TokenBucket(full.capacity, full.now), (capacity, now));
            lock (entry)
            {
                if (!entry.Removed) return new ValueTask<TimeSpan>(entry.Take(now, capacity, refillPerSecond));
            }
        }
    }

    public ValueTask PutOnceAsync(string key, string value, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        once[key] = new OnceValue(value, time.GetUtcNow() + timeToLive);
        return ValueTask.CompletedTask;
    }

    public ValueTask<string?> TakeOnceAsync(string key, CancellationToken cancellationToken) =>
        new(once.TryRemove(key, out var found) && found.Until > time.GetUtcNow() ? found.Value : null);

    public async ValueTask DisposeAsync()
    {
        await sweeper.DisposeAsync();
        await mailboxes.DisposeAsync();
    }

    private void Sweep()
    {
        var now = time.GetUtcNow();
        SweepPresence(now);
        foreach (var (userId, entry) in servers)
        {
            lock (entry)
            {
                entry.RemoveExpired(now);
                RemoveIfEmpty(userId, entry);
            }
        }
        SweepUnread(now);
        foreach (var pair in once)
        {
            if (pair.Value.Until <= now) once.TryRemove(pair);
        }
        foreach (var (name, entry) in buckets)
        {
            lock (entry)
            {
                if (!entry.IsFullAt(now)) continue;
                entry.Removed = true;
                buckets.TryRemove(name, out _);
            }
        }
    }

    private void RemoveIfEmpty(string userId, UserServers entry)
    {
        if (entry.Removed || !entry.Until.Items.IsEmpty) return;
        entry.Removed = true;
        servers.TryRemove(userId, out _);
    }

    /// <summary>The servers of a user, each until when. Locked by itself; once removed it is never used again.</summary>
    private sealed class UserServers
    {
        public ByServer<DateTimeOffset> Until;

        public bool Removed { get; set; }

        public string[] LiveAt(DateTimeOffset now)
        {
            var live = 0;
            foreach (var (_, until) in Until.Items) live += until > now ? 1 : 0;
            if (live == 0) return [];
            var ids = new string[live];
            foreach (var (serverId, until) in Until.Items)
            {
                if (until > now) ids[--live] = serverId;
            }
            return ids;
        }

        public void RemoveExpired(DateTimeOffset now) => Until.RemoveAll(now, static (item, at) => item.Value <= at);
    }

    /// <summary>A user's latest cursor. Locked by itself; an object that is changed, because the dictionary would make a new entry for each message.</summary>
    private sealed class LatestCursor
    {
        public InboxCursor Value { get; set; }
    }

    /// <summary>A token bucket; full at first. Locked by itself.</summary>
    private sealed class TokenBucket(int capacity, DateTimeOffset created)
    {
        private double tokens = capacity;
        private double lastRefillPerSecond;
        private int lastCapacity = capacity;
        private DateTimeOffset at = created;

        public bool Removed { get; set; }

        public TimeSpan Take(DateTimeOffset now, int capacity, double refillPerSecond)
        {
            tokens = TokensAt(now, capacity, refillPerSecond);
            at = now > at ? now : at;
            lastRefillPerSecond = refillPerSecond;
            lastCapacity = capacity;
            if (tokens < 1) return TimeSpan.FromSeconds((1 - tokens) / refillPerSecond);
            tokens -= 1;
            return TimeSpan.Zero;
        }

        public bool IsFullAt(DateTimeOffset now) => TokensAt(now, lastCapacity, lastRefillPerSecond) >= lastCapacity;

        private double TokensAt(DateTimeOffset now, int most, double refillPerSecond) =>
            Math.Min(most, tokens + (Math.Max(0, (now - at).TotalSeconds) * refillPerSecond));
    }

    private readonly record struct OnceValue(string Value, DateTimeOffset Until);
}
