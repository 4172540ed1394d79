using Chat.Cells.Client.Wire;

namespace Chat.Cells.Client.Unread;

/// <summary>How many messages of others a user has not read in a channel.</summary>
/// <param name="Count">0 to 100.</param>
/// <param name="Capped">True: that many or more.</param>
public readonly record struct UnreadCount(string ChannelId, int Count, bool Capped)
{
    /// <summary>As a badge shows it: "7", or "99+".</summary>
    public override string ToString() => Capped ? "99+" : Count.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>
/// The user's unread counts as the server tells them, the same on every device. Reading on this device counts at once; what the server counted before it knew of that is
/// passed over. Thread-safe.
/// </summary>
public sealed class UnreadCounts
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, UnreadCount> counts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> readHere = new(StringComparer.Ordinal);
    private bool known;

    /// <summary>False until the server has told the counts for the first time.</summary>
    public bool IsKnown
    {
        get
        {
            lock (gate) return known;
        }
    }

    /// <summary>All channels together. Capped when one is.</summary>
    public (int Count, bool Capped) Total
    {
        get
        {
            lock (gate) return (counts.Values.Sum(c => c.Count), counts.Values.Any(c => c.Capped));
        }
    }

    /// <summary>One channel's count.</summary>
    public UnreadCount Of(string channelId)
    {
        lock (gate) return counts.TryGetValue(channelId, out var count) ? count : new UnreadCount(channelId, 0, false);
    }

    /// <summary>The channels with unread messages.</summary>
    public IReadOnlyList<UnreadCount> Snapshot()
    {
        lock (gate) return [.. counts.Values];
    }

    /// <summary>Takes what the server says; returns what is new.</summary>
    internal IReadOnlyList<UnreadCount> Apply(UnreadIn told)
    {
        var changed = new List<UnreadCount>();
        lock (gate)
        {
            var named = new HashSet<string>(StringComparer.Ordinal);
            foreach (var entry in told.Channels ?? [])
            {
                if (entry?.ChannelId is not { } channelId || entry.Count < 0) continue;
                named.Add(channelId);
                // Counted from a pointer below what was read here since: the server sends another when it knows.
                if (entry.Count > 0 && readHere.TryGetValue(channelId, out var read) && string.CompareOrdinal(entry.LastReadMessageId ?? "", read) < 0) continue;
                Set(new UnreadCount(channelId, entry.Count, entry.Capped), changed);
            }
            if (told.All)
            {
                known = true;
                foreach (var channelId in counts.Keys.Where(c => !named.Contains(c)).ToList()) Set(new UnreadCount(channelId, 0, false), changed);
            }
        }
        return changed;
    }

    /// <summary>The user read here up to a message.</summary>
    /// <param name="everything">Nothing of others that this device knows of is above it.</param>
    internal void Read(string channelId, string upTo, bool everything)
    {
        lock (gate)
        {
            if (readHere.TryGetValue(channelId, out var known) && string.CompareOrdinal(known, upTo) > 0) return;
            readHere[channelId] = upTo;
            if (everything) counts.Remove(channelId);
        }
    }

    private void Set(UnreadCount count, List<UnreadCount> changed)
    {
        var before = counts.GetValueOrDefault(count.ChannelId);
        if (before == count || (before.Count == 0 && count.Count == 0)) return;
        if (count.Count > 0) counts[count.ChannelId] = count;
        else counts.Remove(count.ChannelId);
        changed.Add(count);
    }
}
