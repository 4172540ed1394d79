using Chat.Cells.Client.Wire;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client.Messaging;

/// <summary>
/// Sends that have no answer yet, in the order they were made. A send names the one before it in its channel (<c>afterRequest</c>) while that has no answer, and is put
/// on the wire only behind it, so that a sender's own order holds whatever is lost, refused or repeated. Thread-safe.
/// </summary>
internal sealed class Outbox(ChatClientOptions options, FrameWriter frames)
{
    private readonly Lock gate = new();
    private readonly LinkedList<Entry> entries = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> byRequest = [];
    private readonly Dictionary<string, Entry> lastOfChannel = [];
    private readonly Dictionary<string, (PendingSend Send, string MessageId)> accepted = [];
    private readonly Queue<string> acceptedOrder = new();
    private int inFlight;

    /// <summary>How many accepted sends are remembered, for an application that sends one again.</summary>
    private const int Remembered = 1_024;

    /// <summary>Edits and deletions: their own line, since they wait for no send and no send for them.</summary>
    public ChangeQueue Changes { get; } = new(options, frames);

    private enum State
    {
        Queued,
        InFlight,
        Waiting,
    }

    private sealed class Entry(PendingSend send, string? after, string? afterRequest)
    {
        public PendingSend Send { get; } = send;
        public string? After { get; } = after;
        public string? AfterRequest { get; set; } = afterRequest;
        public byte[]? Frame { get; set; }
        public State State { get; set; }
        public long DueAt { get; set; }
        public int Timeouts { get; set; }
    }

    public int Count
    {
        get
        {
            lock (gate) return entries.Count + Changes.Count;
        }
    }

    public int InFlight
    {
        get
        {
            lock (gate) return inFlight;
        }
    }

    public int InFlightIn(string channelId)
    {
        lock (gate) return entries.Count(e => e.State == State.InFlight && e.Send.ChannelId == channelId);
    }

    /// <exception cref="OutboxFullException">No room.</exception>
    public PendingSend Add(string requestId, string channelId, string content, string contentType, string? replyTo, string? after)
    {
        lock (gate)
        {
            if (accepted.TryGetValue(requestId, out var known) && known.Send.ChannelId == channelId) return Repeat(known.Send, known.MessageId, content, contentType, replyTo);
            if (entries.Count + Changes.Count >= options.MaxOutbox) throw new OutboxFullException(options.MaxOutbox);
            if (byRequest.ContainsKey(requestId) || Changes.Has(requestId)) throw new ArgumentException("This requestId is already on its way.", nameof(requestId));
            var send = new PendingSend(requestId, channelId, content, contentType, replyTo);
            var entry = new Entry(send, after, lastOfChannel.GetValueOrDefault(channelId)?.Send.RequestId);
            byRequest.Add(requestId, entries.AddLast(entry));
            lastOfChannel[channelId] = entry;
            return send;
        }
    }

    /// <exception cref="OutboxFullException">No room.</exception>
    public PendingChange Change(string requestId, string channelId, string messageId, string? content)
    {
        lock (gate)
        {
            if (entries.Count + Changes.Count >= options.MaxOutbox) throw new OutboxFullException(options.MaxOutbox);
            if (byRequest.ContainsKey(requestId)) throw new ArgumentException("This requestId is already on its way.", nameof(requestId));
            var change = new PendingChange(requestId, channelId, messageId, content);
            Changes.Add(change);
            return change;
        }
    }

    /// <summary>A new connection: what was on the wire may be lost, so everything is sent again.</summary>
    public void Requeue()
    {
        lock (gate)
        {
            foreach (var entry in entries)
            {
                entry.State = State.Queued;
                entry.Timeouts = 0;
            }
            inFlight = 0;
        }
        Changes.Requeue();
    }

    /// <summary>Puts on the wire what is due. Returns when to come back (a timestamp), or null.</summary>
    /// <param name="send">False: the connection takes no more.</param>
    public long? Pump(long now, Func<byte[], bool> send)
    {
        long? next = null;
        HashSet<string>? held = null;
        var time = options.TimeProvider;
        lock (gate)
        {
            foreach (var entry in entries)
            {
                var channel = entry.Send.ChannelId;
                if (held is not null && held.Contains(channel)) continue;
                if (entry.State != State.Queued && entry.DueAt > now)
                {
                    next = next is null ? entry.DueAt : Math.Min(next.Value, entry.DueAt);
                    if (entry.State == State.Waiting) (held ??= []).Add(channel);
                    continue;
                }
                if (entry.State != State.InFlight && inFlight >= options.MaxInFlight)
                {
                    (held ??= []).Add(channel);
                    continue;
                }
                entry.Frame ??= frames.ChatMessage(
                    entry.Send.RequestId,
                    new ChatMessageOut(channel, entry.Send.Content, entry.Send.ContentType, entry.After, entry.AfterRequest, entry.Send.ReplyTo));
                if (!send(entry.Frame)) return next; // changes wait for room too
                if (entry.State == State.InFlight) entry.Timeouts++;
                else inFlight++;
                entry.State = State.InFlight;
                var wait = options.AckTimeout * (1 << Math.Min(entry.Timeouts, 2));
                entry.DueAt = now + (long)(wait.TotalSeconds * time.TimestampFrequency);
                next = next is null ? entry.DueAt : Math.Min(next.Value, entry.DueAt);
            }
            var changes = Changes.Pump(now, options.MaxInFlight - inFlight, send);
            return next is { } a && changes is { } b ? Math.Min(a, b) : next ?? changes;
        }
    }

    /// <summary>The server accepted it; null when it isn't (or no longer) ours to wait for.</summary>
    /// <param name="requestId">The send's.</param>
    /// <param name="messageId">What it became.</param>
    /// <param name="content">What was accepted, when the server says; an application that uses a requestId for something else must not take this for its ack.</param>
    public PendingSend? Accept(string requestId, string messageId, string? content)
    {
        lock (gate)
        {
            if (content is not null && byRequest.TryGetValue(requestId, out var node) && node.Value.Send.Content != content) return null;
            if (Remove(requestId) is not { } send) return null;
            if (accepted.TryAdd(requestId, (send, messageId))) acceptedOrder.Enqueue(requestId);
            if (acceptedOrder.Count > Remembered) accepted.Remove(acceptedOrder.Dequeue());
            return send;
        }
    }

    /// <summary>The server did not accept it. Returns it when that is final; null when it will be sent again, or isn't known.</summary>
    public PendingSend? Refuse(string requestId, string code, TimeSpan? retryAfter)
    {
        lock (gate)
        {
            if (IsFinal(code, retryAfter)) return Remove(requestId);
            if (!byRequest.TryGetValue(requestId, out var node)) return null;
            var entry = node.Value;
            if (entry.State == State.InFlight) inFlight--;
            entry.State = State.Waiting;
            entry.DueAt = options.TimeProvider.GetTimestamp() + (long)((retryAfter ?? options.DefaultRetryAfter).TotalSeconds * options.TimeProvider.TimestampFrequency);
            return null;
        }
    }

    /// <summary>Empties it and returns what was in it.</summary>
    public IReadOnlyList<PendingSend> Clear()
    {
        lock (gate)
        {
            var all = entries.Select(e => e.Send).ToArray();
            entries.Clear();
            byRequest.Clear();
            lastOfChannel.Clear();
            inFlight = 0;
            return all;
        }
    }

    /// <summary>The sends of a channel that have no answer, in order.</summary>
    public IReadOnlyList<PendingSend> Of(string channelId)
    {
        lock (gate) return entries.Where(e => e.Send.ChannelId == channelId).Select(e => e.Send).ToArray();
    }

    /// <summary>
    /// A requestId that was accepted before gets the same answer, or <c>conflict</c>, as it would from the server. Asking the server would be ambiguous: an ack names only the
    /// requestId, and an answer to the first send may still be on its way.
    /// </summary>
    private static PendingSend Repeat(PendingSend first, string messageId, string content, string contentType, string? replyTo)
    {
        var repeat = new PendingSend(first.RequestId, first.ChannelId, content, contentType, replyTo);
        var same = first.Content == content && first.ContentType == contentType && first.ReplyTo == replyTo;
        repeat.Complete(same
            ? new SendOutcome(first.RequestId, messageId, null, null)
            : new SendOutcome(first.RequestId, null, ErrorCodes.Conflict, "This requestId was used for something else."));
        return repeat;
    }

    internal static bool IsFinal(string code, TimeSpan? retryAfter) => code switch
    {
        ErrorCodes.Retry or ErrorCodes.Busy or ErrorCodes.CellUnavailable or ErrorCodes.Moved or ErrorCodes.Unauthorized => false,
        ErrorCodes.RateLimited => retryAfter is null,
        _ => true,
    };

    private PendingSend? Remove(string requestId)
    {
        if (!byRequest.Remove(requestId, out var node)) return null;
        var entry = node.Value;
        var channel = entry.Send.ChannelId;
        if (entry.State == State.InFlight) inFlight--;
        Entry? previous = null;
        for (var p = node.Previous; p is not null && previous is null; p = p.Previous)
        {
            if (p.Value.Send.ChannelId == channel) previous = p.Value;
        }
        // Whoever waits for it now waits for the one before it: a refused one may never have been judged, and an accepted one the server forgets after a day.
        for (var n = node.Next; n is not null; n = n.Next)
        {
            if (n.Value.AfterRequest != requestId) continue;
            n.Value.AfterRequest = previous?.Send.RequestId;
            n.Value.Frame = null;
            break;
        }
        if (lastOfChannel.GetValueOrDefault(channel) == entry)
        {
            if (previous is null) lastOfChannel.Remove(channel);
            else lastOfChannel[channel] = previous;
        }
        entries.Remove(node);
        return entry.Send;
    }
}
