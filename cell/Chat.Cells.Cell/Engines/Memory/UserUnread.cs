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
        foreach (var change in update.Changes)
        {
            if (change.Left && rebuilding is not null)
            {
                // What the rebuild reads may be from before: it must begin again.
                Drop();
                return;
            }
            Of(change.ChannelId).Apply(change.Left, change.Added, change.ReadUpTo);
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
        foreach (var channel in stored) Of(channel.ChannelId).Apply(left: false, channel.Ids, channel.ReadUpTo);
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
        private readonly SortedSet<Ulid> ids = [];

        public int Count => ids.Count;

        public Ulid? ReadUpTo { get; private set; }

        public void Apply(bool left, IReadOnlyList<Ulid> added, Ulid? readUpTo)
        {
            if (left) ids.Clear();
            if (readUpTo is { } pointer && !(ReadUpTo >= pointer)) ReadUpTo = pointer;
            foreach (var id in added)
            {
                if (ReadUpTo is { } read && id <= read) continue;
                ids.Add(id);
                if (ids.Count > UnreadLimits.Cap) ids.Remove(ids.Min);
            }
            if (readUpTo is null) return;
            while (ids.Count > 0 && ids.Min <= ReadUpTo) ids.Remove(ids.Min);
        }
    }
}
