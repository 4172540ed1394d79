using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Unread;

/// <summary>Collects what one batch of delivered events means for its recipients' unread sets: one update per user, one change per channel in it.</summary>
internal sealed class UnreadBatch
{
    private readonly Dictionary<string, Pending> users = new(StringComparer.Ordinal);
    private Happening? last;

    /// <summary>An event was written to a user's inbox. A user's events come in the order of their cursors.</summary>
    /// <param name="previous">The user's cursor before it.</param>
    public void Add(string userId, InboxCursor previous, InboxCursor cursor, UnreadEvent happened)
    {
        if (!users.TryGetValue(userId, out var user)) users[userId] = user = new Pending(previous);
        user.Cursor = cursor;
        if (happened.Kind == UnreadEventKind.None || (happened.Kind == UnreadEventKind.Message && happened.SenderId == userId)) return;
        // One event's recipients come one after the other.
        if (last is null || last.Cursor != cursor) last = new Happening(happened, cursor);
        user.Add(last);
    }

    /// <summary>Events of this user were written before, perhaps without their update: where the sets don't reach the user's cursor they are dropped.</summary>
    public void Check(string userId, InboxCursor cursor)
    {
        if (!users.ContainsKey(userId)) users[userId] = new Pending(cursor) { Cursor = cursor };
    }

    public IReadOnlyList<UnreadUpdate> ToUpdates()
    {
        var updates = new List<UnreadUpdate>(users.Count);
        foreach (var (userId, user) in users) updates.Add(new UnreadUpdate(userId, user.Previous, user.Cursor, user.Changes()));
        return updates;
    }

    private sealed class Pending(InboxCursor previous)
    {
        private Happening? only;
        private List<Channel>? channels; // when there is more than one event

        public InboxCursor Previous => previous;

        public InboxCursor Cursor { get; set; }

        public void Add(Happening happening)
        {
            if (only is null && channels is null)
            {
                only = happening;
                return;
            }
            channels ??= new List<Channel>(1); // nearly always one
            if (only is not null) Of(only.Event.ChannelId, channels).Add(only.Event, only.Cursor);
            only = null;
            Of(happening.Event.ChannelId, channels).Add(happening.Event, happening.Cursor);
        }

        private static Channel Of(string channelId, List<Channel> channels)
        {
            foreach (var known in channels)
            {
                if (known.Id == channelId) return known;
            }
            var channel = new Channel(channelId);
            channels.Add(channel);
            return channel;
        }

        public IReadOnlyList<UnreadChange> Changes()
        {
            if (channels is null) return only?.Changes ?? [];
            var changes = new UnreadChange[channels.Count];
            for (var i = 0; i < changes.Length; i++) changes[i] = channels[i].ToChange();
            return changes;
        }
    }

    /// <summary>An event at its place. In a room all members get the same change of it, made once.</summary>
    private sealed class Happening(UnreadEvent happened, InboxCursor cursor)
    {
        private UnreadChange[]? changes;

        public UnreadEvent Event => happened;

        public InboxCursor Cursor => cursor;

        public IReadOnlyList<UnreadChange> Changes => changes ??= [Change()];

        private UnreadChange Change()
        {
            var channel = new Channel(happened.ChannelId);
            channel.Add(happened, cursor);
            return channel.ToChange();
        }
    }

    private sealed class Channel(string id)
    {
        private readonly List<UnreadMessage> added = new(1);
        private ReadMark read;
        private InboxCursor? trimmed;
        private bool left;

        public string Id => id;

        public void Add(UnreadEvent happened, InboxCursor cursor)
        {
            switch (happened.Kind)
            {
                case UnreadEventKind.Message:
                    added.Add(new UnreadMessage(happened.Id, cursor));
                    // The set keeps no more, and the highest are mostly the last: those before could only be dropped again.
                    if (added.Count > 2 * UnreadLimits.Cap) Trim();
                    break;
                case UnreadEventKind.Read:
                    read = read.Merge(happened.Read);
                    break;
                case UnreadEventKind.Left:
                    left = true;
                    added.Clear();
                    trimmed = null;
                    break;
            }
        }

        public UnreadChange ToChange() => new(id, left, added, read, trimmed);

        private void Trim()
        {
            added.Sort(static (a, b) => a.Id.CompareTo(b.Id));
            for (var i = 0; i < added.Count - UnreadLimits.Cap; i++)
            {
                if (!(trimmed >= added[i].Cursor)) trimmed = added[i].Cursor;
            }
            added.RemoveRange(0, added.Count - UnreadLimits.Cap);
        }
    }
}
