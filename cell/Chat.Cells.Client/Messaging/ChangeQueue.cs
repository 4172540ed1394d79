using Chat.Cells.Client.Wire;

namespace Chat.Cells.Client.Messaging;

/// <summary>
/// Edits and deletions that have no answer yet. Of one message one is on the wire at a time: the server knows of no order between them, and one that it asks to repeat
/// would come after the next. Thread-safe.
/// </summary>
internal sealed class ChangeQueue(ChatClientOptions options, FrameWriter frames)
{
    private readonly Lock gate = new();
    private readonly LinkedList<Entry> entries = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> byRequest = [];

    private sealed class Entry(PendingChange change)
    {
        public PendingChange Change { get; } = change;
        public byte[]? Frame { get; set; }
        /// <summary>When it goes out (again); null: now.</summary>
        public long? DueAt { get; set; }
        public bool InFlight { get; set; }
        public int Timeouts { get; set; }
    }

    public int Count
    {
        get
        {
            lock (gate) return entries.Count;
        }
    }

    public bool Has(string requestId)
    {
        lock (gate) return byRequest.ContainsKey(requestId);
    }

    /// <exception cref="ArgumentException">The requestId is in use.</exception>
    public void Add(PendingChange change)
    {
        lock (gate)
        {
            if (byRequest.ContainsKey(change.RequestId)) throw new ArgumentException("This requestId is already on its way.", nameof(change));
            byRequest.Add(change.RequestId, entries.AddLast(new Entry(change)));
        }
    }

    /// <summary>A new connection: what was on the wire may be lost, so everything is sent again.</summary>
    public void Requeue()
    {
        lock (gate)
        {
            foreach (var entry in entries)
            {
                entry.DueAt = null;
                entry.InFlight = false;
                entry.Timeouts = 0;
            }
        }
    }

    /// <summary>Puts on the wire what is due. Returns when to come back (a timestamp), or null.</summary>
    /// <param name="room">How many may be on the wire.</param>
    /// <param name="send">False: the connection takes no more.</param>
    public long? Pump(long now, int room, Func<byte[], bool> send)
    {
        long? next = null;
        lock (gate)
        {
            if (entries.Count == 0) return null;
            var before = new HashSet<string>();
            foreach (var entry in entries)
            {
                if (!before.Add(entry.Change.MessageId)) continue;
                if (entry.InFlight) room--;
                if (entry.DueAt > now)
                {
                    next = Math.Min(next ?? long.MaxValue, entry.DueAt.Value);
                    continue;
                }
                if (!entry.InFlight && room-- <= 0) continue; // An answer wakes the pump.
                entry.Frame ??= frames.Change(entry.Change);
                if (!send(entry.Frame)) return next;
                if (entry.InFlight) entry.Timeouts++;
                entry.InFlight = true;
                entry.DueAt = now + Ticks(options.AckTimeout * (1 << Math.Min(entry.Timeouts, 2)));
                next = Math.Min(next ?? long.MaxValue, entry.DueAt.Value);
            }
        }
        return next;
    }

    /// <summary>The server accepted it, or refused it for good; null when it isn't (or no longer) ours to wait for.</summary>
    public PendingChange? Take(string requestId)
    {
        lock (gate)
        {
            if (!byRequest.Remove(requestId, out var node)) return null;
            entries.Remove(node);
            return node.Value.Change;
        }
    }

    /// <summary>The server wants it again, after a time.</summary>
    public void Postpone(string requestId, TimeSpan? retryAfter)
    {
        lock (gate)
        {
            if (!byRequest.TryGetValue(requestId, out var node)) return;
            node.Value.InFlight = false;
            node.Value.DueAt = options.TimeProvider.GetTimestamp() + Ticks(retryAfter ?? options.DefaultRetryAfter);
        }
    }

    /// <summary>Empties it and returns what was in it.</summary>
    public IReadOnlyList<PendingChange> Clear()
    {
        lock (gate)
        {
            var all = entries.Select(e => e.Change).ToArray();
            entries.Clear();
            byRequest.Clear();
            return all;
        }
    }

    /// <summary>The changes of a channel's messages, in order.</summary>
    public IReadOnlyList<PendingChange> Of(string channelId)
    {
        lock (gate) return entries.Where(e => e.Change.ChannelId == channelId).Select(e => e.Change).ToArray();
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * options.TimeProvider.TimestampFrequency);
}
