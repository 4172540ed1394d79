using System.Net.WebSockets;
using System.Threading.Channels;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Presence;

/// <summary>
/// The stream that another cell's server has opened to us: it watches our users, and says which of its own type. Whatever it says of others' users, and whatever it asks about
/// them, is passed over. Changes wait in one place for each user, so that a slow peer gets the last one of each and never more than it watches. Users for whom this server has no
/// room wait for it; the others of the stream don't suffer.
/// </summary>
internal sealed class PeerSession(string peer, WebSocket socket, Action abort, PresenceViews views, TypingFanOut typing, ICellDirectory cells, TimeProvider time) : IPresenceViewer
{
    private const int OutboundBytes = 4 * 1024 * 1024;
    private const int OutboundFrames = 256;
    private const int MaxTypingPerSecond = 500;
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly HashSet<string> watched = new(StringComparer.Ordinal);
    private readonly HashSet<string> waiting = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PresenceSnapshot> pending = new(StringComparer.Ordinal);
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private long heardAt;
    private long typingSecond;
    private int typingCount;

    public void Show(ShownPresence shown)
    {
        lock (gate) pending[shown.Snapshot.UserId] = shown.Snapshot;
        wake.Writer.TryWrite(true);
    }

    /// <summary>Serves the stream until it ends.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var outbound = new OutboundQueue(socket, abort, OutboundBytes, OutboundFrames, CloseTimeout, time);
        using var stop = cancellationToken.Register(() => outbound.Close((int)WebSocketCloseStatus.EndpointUnavailable, "stopping"));
        heardAt = time.GetTimestamp();
        var pinging = time.CreateTimer(_ => Ping(outbound), null, PeerFrame.PingInterval, PeerFrame.PingInterval);
        await using var _ = pinging;
        PresenceMetrics.PeerStreams.Add(1, PresenceMetrics.Direction("in"));
        var writing = WriteAsync(outbound);
        try
        {
            await ReadAsync(outbound, cancellationToken);
        }
        finally
        {
            PresenceMetrics.PeerStreams.Add(-1, PresenceMetrics.Direction("in"));
            views.Remove(this, watched);
            outbound.Stop();
            wake.Writer.TryComplete();
            await writing;
        }
    }

    private async Task ReadAsync(OutboundQueue outbound, CancellationToken cancellationToken)
    {
        using var reader = new FrameReader(socket);
        while (true)
        {
            var kind = await reader.ReadAsync(cancellationToken);
            if (kind == FrameKind.Close) outbound.Close((int)WebSocketCloseStatus.NormalClosure, "");
            else if (kind is FrameKind.Binary or FrameKind.TooLarge) outbound.Close((int)WebSocketCloseStatus.PolicyViolation, "frames are text, and not so long");
            if (kind != FrameKind.Text)
            {
                if (outbound.CloseCode is not null) await outbound.Finished.Task;
                return;
            }
            Volatile.Write(ref heardAt, time.GetTimestamp());
            if (PeerFrame.Decode(reader.Frame) is { } frame && await TryHandleAsync(frame, cancellationToken)) continue;
            outbound.Close((int)WebSocketCloseStatus.PolicyViolation, "no such frame, or too many users");
            await outbound.Finished.Task;
            return;
        }
    }

    private async Task<bool> TryHandleAsync(PeerFrame frame, CancellationToken cancellationToken)
    {
        switch (frame.Type)
        {
            case PeerFrame.Ping:
                if (waiting.Count > 0) await AdmitAsync([], cancellationToken);
                return true;
            case PeerFrame.Types:
                foreach (var item in frame.Typing ?? []) Type(item);
                return true;
            case PeerFrame.Watch:
                return await TryWatchAsync(frame.Add ?? [], frame.Remove ?? [], cancellationToken);
            default:
                return false;
        }
    }

    private async Task<bool> TryWatchAsync(IReadOnlyList<string> add, IReadOnlyList<string> remove, CancellationToken cancellationToken)
    {
        if (add.Count > PeerFrame.MaxUsers || remove.Count > PeerFrame.MaxUsers) return false;
        foreach (var userId in remove)
        {
            if (userId is null || waiting.Remove(userId) || !watched.Remove(userId)) continue;
            views.Remove(this, [userId]);
            lock (gate) pending.Remove(userId);
        }
        var known = new List<string>(add.Count);
        foreach (var userId in add)
        {
            if (userId is null || !cells.TryGetHome(userId, out var home) || home != cells.CellName) continue;
            if (watched.Contains(userId)) known.Add(userId);
            else waiting.Add(userId);
        }
        // A server that keeps to its own limit never asks for so many.
        if (watched.Count + waiting.Count > PresenceViews.MaxViewed) return false;
        await AdmitAsync(known, cancellationToken);
        return true;
    }

    /// <summary>Shows these again, and watches of those who wait as many as there is room for.</summary>
    private async Task AdmitAsync(List<string> users, CancellationToken cancellationToken)
    {
        var admitted = waiting.Take(Math.Min(views.Room, PeerFrame.MaxUsers)).ToList();
        waiting.ExceptWith(admitted);
        watched.UnionWith(admitted);
        users.AddRange(admitted);
        if (users.Count > 0) await views.AddAsync(this, users, cancellationToken);
    }

    private void Type(PeerTyping? item)
    {
        var second = time.GetUtcNow().ToUnixTimeSeconds();
        if (second != typingSecond) (typingSecond, typingCount) = (second, 0);
        var isTheirs = item?.UserId is not null && ChannelId.TryGetType(item.ChannelId, out var _) && cells.TryGetHome(item.UserId, out var home) && home == peer;
        if (!isTheirs || ++typingCount > MaxTypingPerSecond)
        {
            PresenceMetrics.Typing.Add(1, PresenceMetrics.Outcome(isTheirs ? "limited" : "refused"));
            return;
        }
        typing.Post(new TypingItem(item!.ChannelId, item.UserId, item.Typing, Socket: null, RequestId: null, FromCell: peer));
    }

    private async Task WriteAsync(OutboundQueue outbound)
    {
        while (await wake.Reader.WaitToReadAsync())
        {
            wake.Reader.TryRead(out var _);
            while (Take() is { Count: > 0 } users)
            {
                await outbound.WaitForRoomAsync();
                outbound.TryEnqueue(new PeerFrame(PeerFrame.Presence, Users: users).Encode());
            }
        }
    }

    private List<PeerPresence> Take()
    {
        lock (gate)
        {
            var users = new List<PeerPresence>(Math.Min(pending.Count, PeerFrame.MaxUsers));
            foreach (var (userId, snapshot) in pending)
            {
                users.Add(PeerPresence.From(snapshot));
                pending.Remove(userId);
                if (users.Count == PeerFrame.MaxUsers) break;
            }
            return users;
        }
    }

    private void Ping(OutboundQueue outbound)
    {
        if (time.GetElapsedTime(Volatile.Read(ref heardAt)) > PeerFrame.Silence) outbound.Abort();
        else outbound.TryEnqueue(new PeerFrame(PeerFrame.Ping).Encode());
    }
}
