namespace Chat.Cells.Client.Timelines;

/// <summary>
/// A channel's messages in the order of their ids, whatever the order they came in, each once. Bounded: the oldest leave first, and their ids are remembered for a
/// while so that they don't come back as new. Thread-safe.
/// </summary>
public sealed class ChannelTimeline
{
    private readonly Lock gate = new();
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
    public bool Insert(ChatMessage message)
    {
        lock (gate)
        {
            if (!known.Add(message.MessageId)) return false;
            if (highest is null || string.CompareOrdinal(message.MessageId, highest) > 0) highest = message.MessageId;
            messages.Insert(PlaceFor(message.MessageId), message);
            if (messages.Count > capacity)
            {
                dropped.Enqueue(messages[0].MessageId);
                messages.RemoveAt(0);
                if (dropped.Count > capacity) known.Remove(dropped.Dequeue());
            }
            return true;
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
            if (place < messages.Count && messages[place].MessageId == messageId) messages.RemoveAt(place);
            known.Remove(messageId);
        }
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
