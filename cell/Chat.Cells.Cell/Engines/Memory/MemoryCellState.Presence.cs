using System.Collections.Concurrent;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;

namespace Chat.Cells.Cell.Engines.Memory;

public sealed partial class MemoryCellState
{
    private static readonly TimeSpan SeenLife = TimeSpan.FromDays(30);

    private readonly ConcurrentDictionary<string, PresenceEntry> presence = new(StringComparer.Ordinal);
    private long lastStamp;

    public async ValueTask<IReadOnlyList<InboxCursor?>> RefreshAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        var ids = new string[users.Count];
        var now = time.GetUtcNow();
        for (var i = 0; i < ids.Length; i++)
        {
            var user = users[i];
            ids[i] = user.UserId;
            while (true)
            {
                var entry = presence.GetOrAdd(user.UserId, static _ => new PresenceEntry());
                lock (entry)
                {
                    if (entry.Removed) continue;
                    entry.Put(serverId, user, now, timeToLive);
                    break;
                }
            }
        }
        await RegisterAsync(serverId, ids, timeToLive, cancellationToken);
        return await GetCursorsAsync(ids, cancellationToken);
    }

    public ValueTask<IReadOnlyList<PresenceChange>> SetPresenceAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var changes = new PresenceChange[users.Count];
        for (var i = 0; i < changes.Length; i++) changes[i] = Change(serverId, users[i], now, timeToLive);
        return new ValueTask<IReadOnlyList<PresenceChange>>(changes);
    }

    public ValueTask<IReadOnlyList<PresenceSnapshot?>> WatchPresenceAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var found = new PresenceSnapshot?[userIds.Count];
        for (var i = 0; i < found.Length; i++)
        {
            var userId = userIds[i];
            found[i] = With(userId, entry =>
            {
                entry.Watchers.Set(serverId, now + timeToLive);
                return entry.IsKnownAt(now) ? entry.SnapshotAt(userId, now, NextStamp(now)) : null;
            });
        }
        return new ValueTask<IReadOnlyList<PresenceSnapshot?>>(found);
    }

    private PresenceChange Change(string serverId, UserPresence user, DateTimeOffset now, TimeSpan timeToLive) => With(user.UserId, entry =>
    {
        entry.Put(serverId, user, now, timeToLive);
        return new PresenceChange(entry.SnapshotAt(user.UserId, now, NextStamp(now)), entry.WatchersAt(now));
    });

    private T With<T>(string userId, Func<PresenceEntry, T> use)
    {
        while (true)
        {
            var entry = presence.GetOrAdd(userId, static _ => new PresenceEntry());
            lock (entry)
            {
                if (!entry.Removed) return use(entry);
            }
        }
    }

    /// <summary>Microseconds, as a Redis server's clock gives them; never the same twice.</summary>
    private long NextStamp(DateTimeOffset now)
    {
        var micros = now.ToUnixTimeMilliseconds() * 1_000;
        while (true)
        {
            var last = Volatile.Read(ref lastStamp);
            var next = Math.Max(micros, last + 1);
            if (Interlocked.CompareExchange(ref lastStamp, next, last) == last) return next;
        }
    }

    private void SweepPresence(DateTimeOffset now)
    {
        foreach (var (userId, entry) in presence)
        {
            lock (entry)
            {
                if (entry.IsConnectedAt(now) || entry.WatchersAt(now).Count > 0) continue;
                entry.Servers = default;
                if (entry.SeenAt is not null && entry.ForgottenAt > now) continue;
                entry.Removed = true;
                presence.TryRemove(userId, out _);
            }
        }
    }

    /// <summary>One user. Locked by itself; once removed it is never used again.</summary>
    private sealed class PresenceEntry
    {
        public ByServer<(DateTimeOffset Until, UserDevices Devices)> Servers;
        public ByServer<DateTimeOffset> Watchers;

        public long? SeenAt { get; set; }
        public DateTimeOffset ForgottenAt { get; set; }
        public bool Removed { get; set; }

        public void Put(string serverId, UserPresence user, DateTimeOffset now, TimeSpan timeToLive)
        {
            if (user.Devices.IsNone) Servers.Remove(serverId);
            else Servers.Set(serverId, (now + timeToLive, new UserDevices(user.LastActiveAt, user.Devices)));
            if (user.LastActiveAt > (SeenAt ?? 0)) SeenAt = user.LastActiveAt;
            ForgottenAt = now + SeenLife;
        }

        public bool IsKnownAt(DateTimeOffset now) => SeenAt is not null || IsConnectedAt(now);

        public bool IsConnectedAt(DateTimeOffset now)
        {
            foreach (var (_, (until, _)) in Servers.Items)
            {
                if (until > now) return true;
            }
            return false;
        }

        public PresenceSnapshot SnapshotAt(string userId, DateTimeOffset now, long stamp)
        {
            Servers.RemoveAll(now, static (item, at) => item.Value.Until <= at);
            var live = new UserDevices[Servers.Items.Length];
            for (var i = 0; i < live.Length; i++) live[i] = Servers.Items[i].Value.Devices;
            return PresenceSnapshot.Merge(userId, live, SeenAt, stamp);
        }

        public IReadOnlyList<string> WatchersAt(DateTimeOffset now)
        {
            Watchers.RemoveAll(now, static (item, at) => item.Value <= at);
            if (Watchers.Items.IsEmpty) return [];
            var live = new string[Watchers.Items.Length];
            for (var i = 0; i < live.Length; i++) live[i] = Watchers.Items[i].Server;
            return live;
        }
    }
}
