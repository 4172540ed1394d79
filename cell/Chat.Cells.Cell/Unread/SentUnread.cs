using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Unread;

/// <summary>The counts that one socket was told last, so that it is told only what is new.</summary>
internal sealed class SentUnread
{
    private static readonly Dictionary<string, ChannelUnread> Nothing = [];

    private readonly Lock gate = new();
    private Dictionary<string, ChannelUnread>? sent;
    private InboxCursor at = InboxCursor.Start;
    private InboxCursor passedOver = InboxCursor.Start;

    /// <summary>True once the socket was told everything.</summary>
    public bool HasBegun
    {
        get
        {
            lock (gate) return sent is not null;
        }
    }

    /// <summary>Where the last message came that nothing was told of, because one more changed nothing. Counts from below it may have to be taken again.</summary>
    public InboxCursor PassedOver
    {
        get
        {
            lock (gate) return passedOver;
        }
    }

    /// <summary>True when one more unread message there changes nothing that is shown; then it is passed over.</summary>
    public bool PassOver(string channelId, InboxCursor cursor)
    {
        lock (gate)
        {
            if (sent is null || !sent.TryGetValue(channelId, out var count) || count.Count < UnreadLimits.Cap) return false;
            passedOver = cursor;
            return true;
        }
    }

    /// <summary>Takes a user's whole counts. Returns what the socket must be told, or null for nothing; the first time it is everything.</summary>
    /// <param name="first">True when what is returned is everything.</param>
    public IReadOnlyList<ChannelUnread>? Take(UnreadCounts counts, out bool first)
    {
        lock (gate)
        {
            first = sent is null;
            if (!first && counts.Cursor < at) return null; // older than what it was told
            at = counts.Cursor;
            var now = counts.Channels.Count == 0 ? Nothing : counts.Channels.ToDictionary(c => c.ChannelId, StringComparer.Ordinal);
            if (first)
            {
                sent = now;
                return counts.Channels;
            }
            List<ChannelUnread>? changed = null;
            foreach (var (channelId, count) in now)
            {
                if (!sent!.TryGetValue(channelId, out var before) || before != count) (changed ??= []).Add(count);
            }
            foreach (var (channelId, before) in sent!)
            {
                if (before.Count > 0 && !now.ContainsKey(channelId)) (changed ??= []).Add(new ChannelUnread(channelId, 0, null));
            }
            sent = now;
            return changed;
        }
    }

    /// <summary>Takes the counts of some channels. Returns what the socket must be told, or null for nothing.</summary>
    public IReadOnlyList<ChannelUnread>? Take(IReadOnlyList<ChannelUnread> counts)
    {
        lock (gate)
        {
            if (sent is null) return null; // it is told everything first
            List<ChannelUnread>? changed = null;
            foreach (var count in counts)
            {
                var before = sent.GetValueOrDefault(count.ChannelId);
                if (before == count || (before.Count == 0 && count.Count == 0)) continue;
                (changed ??= []).Add(count);
            }
            if (changed is null) return null;
            if (ReferenceEquals(sent, Nothing)) sent = [];
            foreach (var count in changed)
            {
                if (count.Count > 0) sent[count.ChannelId] = count;
                else sent.Remove(count.ChannelId);
            }
            return changed;
        }
    }
}
