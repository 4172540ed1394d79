using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Memory;

/// <summary>One user's unread sets. Locked by its owner.</summary>
internal sealed class UserUnread
{
    // Made when there is something in it: most users are idle.
    private Dictionary<string, ChannelSet>? channels;
    private InboxCursor? cursor;
    private string? rebuilding;

    public void Apply(UnreadUpdate update)
    {
        if (cursor is not { } at || at >= update.Cursor) return;
        if (at < update.Previous)
        {
            Drop();
            return;
        }
        for (var i = 0; i < update.Changes.Count; i++)
        {
            var change = update.Changes[i];
            if (change.Left && rebuilding is not null)
            {
                // What the rebuild reads may be from before: it must begin again.
                Drop();
                return;
            }
            if (Of(change.ChannelId).Apply(change.Left, change.Added, change.Read, change.Trimmed)) continue;
            Drop();
            return;
        }
        cursor = update.Cursor;
    }

    public UnreadCounts? Read()
    {
        if (cursor is not { } at || rebuilding is not null) return null;
        var found = new List<ChannelUnread>();
        if (channels is null) return new UnreadCounts(at, found);
        foreach (var (channelId, set) in channels)
        {
            if (set.Count > 0) found.Add(new ChannelUnread(channelId, set.Count, set.ReadUpTo));
        }
        return new UnreadCounts(at, found);
    }

    public void Begin(InboxCursor at, string token)
    {
        Drop();
        cursor = at;
        rebuilding = token;
    }

    public bool Complete(string token, IReadOnlyList<UnreadIds> stored)
    {
        if (rebuilding != token) return false;
        foreach (var channel in stored)
        {
            if (Of(channel.ChannelId).Apply(left: false, channel.Messages, channel.Read, channel.Trimmed)) continue;
            Drop();
            return false;
        }
        rebuilding = null;
        return true;
    }

    private void Drop()
    {
        channels = null;
        cursor = null;
        rebuilding = null;
    }

    private ChannelSet Of(string channelId)
    {
        channels ??= new Dictionary<string, ChannelSet>(StringComparer.Ordinal);
        if (!channels.TryGetValue(channelId, out var set)) channels[channelId] = set = new ChannelSet();
        return set;
    }

    private sealed class ChannelSet
    {
        private readonly SortedList<Ulid, InboxCursor> messages = [];
        private ReadMark read;

        /// <summary>The highest cursor of messages that had no room: they lie below all that are here, of which there are then as many as fit.</summary>
        private InboxCursor? trimmed;

        public int Count => messages.Count;

        public Ulid? ReadUpTo => read.UpTo;

        /// <summary>False when what is unread is no longer known: a read covers messages that had room, but perhaps not all that had none.</summary>
        public bool Apply(bool left, IReadOnlyList<UnreadMessage> added, ReadMark mark, InboxCursor? more)
        {
            if (left)
            {
                messages.Clear();
                trimmed = null;
            }
            if (mark != default && !Raise(read.Merge(mark))) return false;
            for (var i = 0; i < added.Count; i++)
            {
                var (id, cursor) = added[i];
                if (!read.Covers(id, cursor))
                {
                    Add(id, cursor);
                    continue;
                }
                if (more is null) continue;
                if (!CoversBelow(more.Value)) return false;
                more = null;
            }
            if (more > trimmed || trimmed is null) trimmed = more ?? trimmed;
            return true;
        }

        private bool Raise(ReadMark to)
        {
            read = to;
            var before = messages.Count;
            for (var i = messages.Count - 1; i >= 0; i--)
            {
                if (read.Covers(messages.GetKeyAtIndex(i), messages.GetValueAtIndex(i))) messages.RemoveAt(i);
            }
            if (messages.Count == before || trimmed is not { } highest) return true;
            trimmed = null;
            return CoversBelow(highest);
        }

        private void Add(Ulid id, InboxCursor cursor)
        {
            if (messages.TryGetValue(id, out var known) && known >= cursor) return;
            messages[id] = cursor;
            if (messages.Count <= UnreadLimits.Cap) return;
            var lowest = messages.GetValueAtIndex(0);
            if (!(trimmed >= lowest)) trimmed = lowest;
            messages.RemoveAt(0);
        }

        /// <summary>Whether messages up to a cursor, with lower ids than one that is read, are read as well.</summary>
        private bool CoversBelow(InboxCursor cursor) => read.KnownCursor is not { } known || cursor <= known;
    }
}
