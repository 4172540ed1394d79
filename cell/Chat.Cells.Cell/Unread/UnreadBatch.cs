using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Unread;

/// <summary>Collects what one batch of delivered events means for its recipients' unread sets: one update per user, one change per channel in it.</summary>
internal sealed class UnreadBatch
{
    private readonly Dictionary<string, Pending> users = new(StringComparer.Ordinal);

    /// <summary>An event was written to a user's inbox. A user's events come in the order of their cursors.</summary>
    /// <param name="previous">The user's cursor before it.</param>
    public void Add(string userId, InboxCursor previous, InboxCursor cursor, UnreadEvent happened)
    {
        if (!users.TryGetValue(userId, out var user)) users[userId] = user = new Pending(previous);
        user.Cursor = cursor;
        if (happened.Kind == UnreadEventKind.None || (happened.Kind == UnreadEventKind.Message && happened.SenderId == userId)) return;
        user.Of(happened.ChannelId).Add(happened, cursor);
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
        // Nearly always one channel.
        private readonly List<Channel> channels = [];

        public InboxCursor Previous => previous;

        public InboxCursor Cursor { get; set; }

        public Channel Of(string channelId)
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
            if (channels.Count == 0) return [];
            var changes = new UnreadChange[channels.Count];
            for (var i = 0; i < changes.Length; i++) changes[i] = channels[i].ToChange();
            return changes;
        }
    }

    private sealed class Channel(string id)
    {
        private readonly List<UnreadMessage> added = [];
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
