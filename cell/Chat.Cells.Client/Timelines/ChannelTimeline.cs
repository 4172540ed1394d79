namespace Chat.Cells.Client.Timelines;

/// <summary>
/// A channel's messages in the order of their ids, whatever the order they came in, each once. Bounded: the oldest leave first, and their ids are remembered for a
/// while so that they don't come back as new. A change that comes before its message is kept for it. Thread-safe.
/// </summary>
public sealed class ChannelTimeline
{
    /// <summary>Beyond these the changes of the oldest messages go: history has them.</summary>
    private const int MaxEarly = 256;

    private readonly Lock gate = new();
    private readonly Dictionary<string, MessageChange> early = [];
    private readonly List<ChatMessage> messages = [];
    private readonly HashSet<string> known = [];
    private readonly Queue<string> dropped = new();
    private readonly int capacity;
    private string? highest;

    /// <param name="channelId">The channel.</param>
    /// <param name="capacity">The most messages to hold.</param>
    public ChannelTimeline(string channelId, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ChannelId = channelId;
        this.capacity = capacity;
    }

    public string ChannelId { get; }

    /// <summary>The highest message id ever seen in this channel; null when none.</summary>
    public string? HighestId
    {
        get
        {
            lock (gate) return highest;
        }
    }

    public int Count
    {
        get
        {
            lock (gate) return messages.Count;
        }
    }

    /// <summary>The messages at this moment, by id.</summary>
    public IReadOnlyList<ChatMessage> Snapshot()
    {
        lock (gate) return messages.ToArray();
    }

    /// <summary>True when the message was not known; it is then at its place.</summary>
    public bool Insert(ChatMessage message) => Add(message) is not null;

    /// <summary>The message as it is now in its place, with a change that came before it; null when it was known.</summary>
    internal ChatMessage? Add(ChatMessage message)
    {
        lock (gate)
        {
            if (!known.Add(message.MessageId)) return null;
            if (early.Remove(message.MessageId, out var change) && change.Beats(message)) message = change.ApplyTo(message);
            if (highest is null || string.CompareOrdinal(message.MessageId, highest) > 0) highest = message.MessageId;
            messages.Insert(PlaceFor(message.MessageId), message);
            if (messages.Count > capacity)
            {
                dropped.Enqueue(messages[0].MessageId);
                messages.RemoveAt(0);
                if (dropped.Count > capacity) known.Remove(dropped.Dequeue());
            }
            return message;
        }
    }

    /// <summary>Takes a change. Returns the message before and after it; null when it is no news, or the message is not here: then it is kept for it.</summary>
    public (ChatMessage Before, ChatMessage After)? Change(MessageChange change)
    {
        lock (gate)
        {
            var place = PlaceFor(change.MessageId);
            if (place == messages.Count || messages[place].MessageId != change.MessageId)
            {
                if (!known.Contains(change.MessageId)) Keep(change);
                return null;
            }
            var before = messages[place];
            if (!change.Beats(before)) return null;
            return (before, messages[place] = change.ApplyTo(before));
        }
    }

    /// <summary>Undoes a change that was not taken in.</summary>
    internal void Restore(ChatMessage before)
    {
        lock (gate)
        {
            var place = PlaceFor(before.MessageId);
            if (place < messages.Count && messages[place].MessageId == before.MessageId) messages[place] = before;
        }
    }

    /// <summary>
    /// What a reader of a message has read: itself, or when it is the reader's own, the last one of others before it; null when there is none. An own message may be
    /// newer than one that is still on its way from another cell.
    /// </summary>
    internal string? ReadUpTo(string messageId, string readerId)
    {
        lock (gate)
        {
            var place = PlaceFor(messageId);
            if (place == messages.Count || messages[place].MessageId != messageId) return messageId;
            while (place >= 0 && messages[place].Sender == readerId) place--;
            return place < 0 ? null : messages[place].MessageId;
        }
    }

    /// <summary>Whether a message was inserted here.</summary>
    internal bool Has(string messageId)
    {
        lock (gate) return known.Contains(messageId);
    }

    /// <summary>Whether something above an id was written by somebody else.</summary>
    internal bool HasOthersAbove(string messageId, string readerId)
    {
        lock (gate)
        {
            for (var i = messages.Count - 1; i >= 0 && string.CompareOrdinal(messages[i].MessageId, messageId) > 0; i--)
            {
                if (messages[i].Sender != readerId) return true;
            }
            return false;
        }
    }

    internal void Forget(string messageId)
    {
        lock (gate)
        {
            var place = PlaceFor(messageId);
            if (place < messages.Count && messages[place].MessageId == messageId)
            {
                if (MessageChange.Of(messages[place]) is { } change) Keep(change);
                messages.RemoveAt(place);
            }
            known.Remove(messageId);
        }
    }

    private void Keep(MessageChange change)
    {
        if (!change.Beats(early.GetValueOrDefault(change.MessageId))) return;
        early[change.MessageId] = change;
        if (early.Count > MaxEarly) early.Remove(early.Keys.Min(StringComparer.Ordinal)!);
    }

    private int PlaceFor(string id)
    {
        // Nearly every message is the newest.
        var low = 0;
        var high = messages.Count;
        if (high > 0 && string.CompareOrdinal(messages[high - 1].MessageId, id) < 0) return high;
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (string.CompareOrdinal(messages[middle].MessageId, id) < 0) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
