using System.Collections.Concurrent;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Memory;

/// <summary>Unread sets. A user's are kept from the first time somebody asks for them; they are forgotten when nobody has for a week.</summary>
public sealed partial class MemoryCellState
{
    private static readonly TimeSpan UnreadLife = TimeSpan.FromDays(7);

    private readonly ConcurrentDictionary<string, UnreadEntry> unread = new(StringComparer.Ordinal);

    public ValueTask ApplyUnreadAsync(IReadOnlyList<UnreadUpdate> updates, CancellationToken cancellationToken)
    {
        foreach (var update in updates)
        {
            if (!unread.TryGetValue(update.UserId, out var entry)) continue;
            lock (entry) entry.Sets.Apply(update);
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<UnreadCounts?>> GetUnreadAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        var found = new UnreadCounts?[userIds.Count];
        for (var i = 0; i < found.Length; i++)
        {
            if (!unread.TryGetValue(userIds[i], out var entry)) continue;
            lock (entry)
            {
                entry.AskedAt = time.GetUtcNow();
                found[i] = entry.Sets.Read();
            }
        }
        return new ValueTask<IReadOnlyList<UnreadCounts?>>(found);
    }

    public ValueTask BeginUnreadAsync(string userId, InboxCursor at, string token, CancellationToken cancellationToken)
    {
        var entry = unread.GetOrAdd(userId, static _ => new UnreadEntry());
        lock (entry)
        {
            entry.AskedAt = time.GetUtcNow();
            entry.Sets.Begin(at, token);
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> CompleteUnreadAsync(string userId, string token, IReadOnlyList<UnreadIds> channels, CancellationToken cancellationToken)
    {
        if (!unread.TryGetValue(userId, out var entry)) return new ValueTask<bool>(false);
        lock (entry) return new ValueTask<bool>(entry.Sets.Complete(token, channels));
    }

    private void SweepUnread(DateTimeOffset now)
    {
        foreach (var (userId, entry) in unread)
        {
            // Whoever holds the entry still may change it, but nobody finds it again: the sets are then not known, which is always allowed.
            lock (entry)
            {
                if (now - entry.AskedAt >= UnreadLife) unread.TryRemove(userId, out _);
            }
        }
    }

    private sealed class UnreadEntry
    {
        public UserUnread Sets { get; } = new();
        public DateTimeOffset AskedAt { get; set; }
    }
}
