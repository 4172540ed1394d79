namespace Chat.Cells.Client.Sync;

/// <summary>
/// What the user has read, and of that what was read here and the server has not yet confirmed; sent again on each connection. One pointer a channel, which only grows, and
/// the inbox cursor that had been shown when it was read: a message that comes late, with a lower id, is not read by it.
/// </summary>
internal sealed class ReadPointers
{
    /// <summary>Of one channel; beyond it the next read covers them all.</summary>
    private const int MaxLate = 100;

    private readonly Lock gate = new();
    private readonly Dictionary<string, string> read = [];
    private readonly Dictionary<string, (string UpTo, string? Cursor, bool Sent)> pending = [];
    private readonly Dictionary<string, SortedSet<string>> late = [];

    /// <summary>The user has read up to a message. Returns the pointer that is told for that; null when there is nothing to tell.</summary>
    /// <param name="cursor">How far into the inbox the device has shown.</param>
    /// <param name="again">Tell it even when it is no news: the server thinks otherwise.</param>
    public string? Mark(string channelId, string messageId, string? cursor, bool again)
    {
        lock (gate)
        {
            var hadLate = late.TryGetValue(channelId, out var waiting) && waiting.RemoveWhere(id => string.CompareOrdinal(id, messageId) <= 0) > 0;
            if (read.TryGetValue(channelId, out var known) && string.CompareOrdinal(messageId, known) <= 0)
            {
                // The pointer covers all that was shown: while something late above is unread, it can't be told that what lies below has been read.
                if (waiting is { Count: > 0 } || !(hadLate || again)) return null;
                messageId = known;
            }
            read[channelId] = messageId;
            pending[channelId] = (messageId, cursor, false);
            return messageId;
        }
    }

    /// <summary>A message of somebody else came that was not here.</summary>
    public void Arrived(string channelId, string messageId)
    {
        lock (gate)
        {
            if (!read.TryGetValue(channelId, out var known) || string.CompareOrdinal(messageId, known) > 0) return;
            if (!late.TryGetValue(channelId, out var waiting)) late[channelId] = waiting = new SortedSet<string>(StringComparer.Ordinal);
            if (waiting.Count < MaxLate) waiting.Add(messageId);
        }
    }

    /// <summary>The server has it from this device or another.</summary>
    /// <param name="cursor">Null: of a server that knows none.</param>
    public void Confirm(string channelId, string upTo, string? cursor)
    {
        lock (gate)
        {
            if (!read.TryGetValue(channelId, out var known) || string.CompareOrdinal(upTo, known) > 0) read[channelId] = upTo;
            if (!pending.TryGetValue(channelId, out var told) || string.CompareOrdinal(told.UpTo, upTo) > 0) return;
            if (cursor is null || told.Cursor is null || cursor == told.Cursor) pending.Remove(channelId);
        }
    }

    /// <summary>The cursors from before mean nothing to the server any more.</summary>
    public void Reset(string cursor)
    {
        lock (gate)
        {
            foreach (var (channel, pointer) in pending.ToArray()) pending[channel] = pointer with { Cursor = pointer.Cursor is null ? null : cursor };
        }
    }

    /// <summary>A new connection: what was sent may be lost.</summary>
    public void Requeue()
    {
        lock (gate)
        {
            foreach (var (channel, pointer) in pending.ToArray()) pending[channel] = pointer with { Sent = false };
        }
    }

    /// <summary>What has to be sent now; null: nothing.</summary>
    public IReadOnlyList<(string ChannelId, string UpTo, string? Cursor)>? TakeUnsent()
    {
        lock (gate)
        {
            List<(string ChannelId, string UpTo, string? Cursor)>? unsent = null;
            foreach (var (channel, pointer) in pending)
            {
                if (!pointer.Sent) (unsent ??= []).Add((channel, pointer.UpTo, pointer.Cursor));
            }
            if (unsent is null) return null;
            foreach (var taken in unsent) pending[taken.ChannelId] = pending[taken.ChannelId] with { Sent = true };
            return unsent;
        }
    }
}
