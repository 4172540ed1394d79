using System.Net.WebSockets;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Unread;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Connections;

/// <summary>Where a socket stands in its user's inbox.</summary>
internal enum FeedState
{
    /// <summary>No <c>sync</c> yet: nothing is sent.</summary>
    Waiting,

    /// <summary>The inbox is being read for it: live records are held back.</summary>
    Reading,

    /// <summary>It stands at its cursor and takes live records.</summary>
    Live,
}

/// <summary>One socket of one device.</summary>
internal sealed class Connection : IPresenceViewer
{
    /// <summary>The most sends of one socket that wait for their verdict.</summary>
    public const int MaxPending = 256;

    private readonly Lock gate = new();
    private readonly SentHistory sent = new();
    private readonly TimeProvider time;
    private FeedState state = FeedState.Waiting;
    private InboxCursor cursor;
    private bool behind;
    private bool synced;
    private int pending;
    private long expiresAt;
    private long lastHeard;
    private long heardAt;
    private long awaySince;

    public Connection(string userId, string deviceId, string kind, int epoch, WebSocket socket, Action abort, DateTimeOffset expiresAt, CellOptions options, TimeProvider time)
    {
        UserId = userId;
        DeviceId = deviceId;
        Kind = kind;
        Epoch = epoch;
        this.expiresAt = expiresAt.ToUnixTimeMilliseconds();
        this.time = time;
        Heard();
        Outbound = new OutboundQueue(socket, abort, options.OutboundBytes, options.OutboundFrames, options.CloseTimeout, time);
    }

    public string UserId { get; }
    public string DeviceId { get; }

    /// <summary>The device's kind, as <see cref="DeviceKinds.Normalize"/> gives it.</summary>
    public string Kind { get; }

    /// <summary>What this socket views and types; null for one that never did.</summary>
    public SocketLive? Live { get; set; }

    /// <summary>Its client says that nobody looks at it.</summary>
    public bool IsAway => Volatile.Read(ref awaySince) != 0;

    /// <summary>When it was last heard from while somebody looked at it, Unix ms.</summary>
    public long LastActiveAt => Volatile.Read(ref awaySince) is var at and not 0 ? at : LastHeard;

    /// <summary>The user's epoch: cursors of another one are not ours.</summary>
    public int Epoch { get; }

    public OutboundQueue Outbound { get; }

    /// <summary>What the client was told of unread messages.</summary>
    public SentUnread Unread { get; } = new();

    /// <summary>Unix ms.</summary>
    public long ExpiresAt
    {
        get => Volatile.Read(ref expiresAt);
        set => Volatile.Write(ref expiresAt, value);
    }

    /// <summary>When the last frame came, Unix ms.</summary>
    public long LastHeard => Volatile.Read(ref lastHeard);

    /// <summary>For how long nothing came. Not by the clock: one that is set forward would make all sockets silent at once.</summary>
    public TimeSpan SilentFor => time.GetElapsedTime(Volatile.Read(ref heardAt));

    /// <summary>A frame came.</summary>
    public void Heard()
    {
        Volatile.Write(ref lastHeard, time.GetUtcNow().ToUnixTimeMilliseconds());
        Volatile.Write(ref heardAt, time.GetTimestamp());
    }

    /// <summary>Queues a frame, or closes the socket when it takes too little.</summary>
    public void Send(ReadOnlyMemory<byte> frame)
    {
        if (!Outbound.TryEnqueue(frame)) CloseTooSlow();
    }

    void IPresenceViewer.Show(ShownPresence shown) => Send(shown.Frame);

    /// <summary>Says whether nobody looks at the device; true when that is new.</summary>
    public bool SetAway(bool isAway, long now)
    {
        if (isAway == IsAway) return false;
        Volatile.Write(ref awaySince, isAway ? now : 0);
        return true;
    }

    public void CloseTooSlow()
    {
        GatewayMetrics.SlowSockets.Add(1);
        Outbound.Close(CloseCodes.TooSlow, "too slow", dropWaiting: true);
    }

    public bool TryBeginPending()
    {
        if (Interlocked.Increment(ref pending) <= MaxPending) return true;
        Interlocked.Decrement(ref pending);
        return false;
    }

    public void EndPending(int count = 1) => Interlocked.Add(ref pending, -count);

    /// <summary>Begins at a cursor. False when the socket has begun before.</summary>
    public bool TryBegin(InboxCursor at)
    {
        lock (gate)
        {
            if (state != FeedState.Waiting) return false;
            state = FeedState.Reading;
            cursor = at;
            return true;
        }
    }

    public bool HasBegun
    {
        get
        {
            lock (gate) return state != FeedState.Waiting;
        }
    }

    /// <summary>How far into its user's inbox the socket was sent; before <c>sync</c> nothing was.</summary>
    public InboxCursor Sent
    {
        get
        {
            lock (gate) return cursor;
        }
    }

    /// <summary>True once it was brought up to its inbox's end.</summary>
    public bool HasSynced
    {
        get
        {
            lock (gate) return synced;
        }
    }

    /// <summary>The cursor from which the next read goes.</summary>
    public InboxCursor BeginRead()
    {
        lock (gate)
        {
            behind = false;
            return cursor;
        }
    }

    /// <summary>A read found nothing more: true when the socket is live now, false when something came meanwhile and it must be read again.</summary>
    public bool TryGoLive(out InboxCursor at)
    {
        lock (gate)
        {
            at = cursor;
            if (behind) return false;
            state = FeedState.Live;
            synced = true;
            return true;
        }
    }

    /// <summary>Sends what was read. Every record is remembered as sent.</summary>
    public void Advance(ReadOnlyMemory<byte> frame, ReadOnlySpan<(InboxRecord Record, InboxCursor Cursor)> records)
    {
        lock (gate)
        {
            foreach (var (record, at) in records) sent.Add(record, UserId, at);
            if (records.Length > 0) cursor = records[^1].Cursor;
            Send(frame);
        }
    }

    /// <summary>What was read up to a cursor has been sent, or can't be.</summary>
    public void PassOver(InboxCursor at)
    {
        lock (gate)
        {
            if (at > cursor) cursor = at;
        }
    }

    /// <summary>Takes a live record, if the socket stands right before it. True when the inbox must be read instead.</summary>
    public bool Offer(InboxRecord record, InboxCursor previous, InboxCursor at, ReadOnlyMemory<byte> frame)
    {
        lock (gate)
        {
            if (state == FeedState.Waiting || at <= cursor) return false;
            if (state == FeedState.Live && previous == cursor && !frame.IsEmpty)
            {
                sent.Add(record, UserId, at);
                cursor = at;
                Send(frame);
                GatewayMetrics.DeliveredLive(record, time.GetUtcNow().ToUnixTimeMilliseconds());
                return false;
            }
            return FallBehind();
        }
    }

    /// <summary>The user's inbox has reached a cursor. True when the inbox must be read.</summary>
    public bool Reached(InboxCursor latest)
    {
        lock (gate)
        {
            if (state == FeedState.Waiting || latest <= cursor) return false;
            return FallBehind();
        }
    }

    public (bool Knows, int Version) FindSent(string channelId, Ulid? messageId)
    {
        lock (gate) return sent.Find(channelId, messageId);
    }

    public void Acked(string channelId, Ulid messageId)
    {
        lock (gate) sent.Acked(channelId, messageId);
    }

    public List<Delivered> TakeDelivered(InboxCursor upTo)
    {
        lock (gate) return sent.TakeDelivered(upTo);
    }

    /// <summary>True for the caller that must start the reading.</summary>
    private bool FallBehind()
    {
        if (state == FeedState.Reading)
        {
            behind = true;
            return false;
        }
        state = FeedState.Reading;
        return true;
    }
}
