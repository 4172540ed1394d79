using System.Net.WebSockets;
using Chat.Cells.Cell.Connections;

namespace Chat.Cells.Cell.Presence;

/// <summary>
/// The stream to one other cell: open while there is something to watch or to say, opened again with a growing delay after it broke. What is watched is said anew on each
/// connection and answered with the present state, so that nothing missed stays missed. Typing that can't be said soon is dropped.
/// </summary>
internal sealed partial class PeerLink(
    string us, string cell, Func<Uri?> address, Func<string?> token, Action<PresenceSnapshot> told, TimeProvider time, ILogger<PeerLink> logger, CancellationToken stopping)
{
    private const int MaxWaitingTyping = 256;
    private const int OutboundBytes = 16 * 1024 * 1024;
    private const int OutboundFrames = 2_048;
    private static readonly TimeSpan TypingPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan KeepFor = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly Dictionary<string, long> wanted = new(StringComparer.Ordinal);
    private readonly Queue<(PeerTyping Typing, long At)> typing = new();
    private OutboundQueue? open;
    private Task? running;
    private long neededAt;
    private long lostAt;

    /// <summary>How long it has been wanted and not been open; zero while it is open.</summary>
    public TimeSpan LostFor
    {
        get
        {
            lock (gate) return open is null && running is not null ? time.GetElapsedTime(lostAt) : TimeSpan.Zero;
        }
    }

    /// <summary>Done when nothing runs any more, after the server was told to stop.</summary>
    public Task Ended
    {
        get
        {
            lock (gate) return running ?? Task.CompletedTask;
        }
    }

    public void Watch(IReadOnlyList<string> userIds)
    {
        lock (gate)
        {
            var now = Need();
            var added = new List<string>(userIds.Count);
            foreach (var userId in userIds)
            {
                if (wanted.TryAdd(userId, now)) added.Add(userId);
            }
            // Known ones too: whoever asks waits for an answer.
            if (open is not null) SendWatch(open, userIds, []);
        }
    }

    public void Type(PeerTyping item)
    {
        lock (gate)
        {
            var now = Need();
            if (open is not null)
            {
                Send(open, new PeerFrame(PeerFrame.Types, Typing: [item]));
                return;
            }
            if (typing.Count == MaxWaitingTyping) typing.Dequeue();
            typing.Enqueue((item, now));
        }
    }

    /// <summary>Makes the watched users these, but for those who were added meanwhile.</summary>
    public void Reconcile(IReadOnlySet<string> users)
    {
        var began = time.GetTimestamp() - time.TimestampFrequency; // a second ago, that whoever was added while the list was made stays
        lock (gate)
        {
            List<string>? removed = null;
            foreach (var (userId, addedAt) in wanted)
            {
                if (addedAt < began && !users.Contains(userId)) (removed ??= []).Add(userId);
            }
            foreach (var userId in removed ?? []) wanted.Remove(userId);
            List<string>? added = null;
            foreach (var userId in users)
            {
                if (wanted.TryAdd(userId, began)) (added ??= []).Add(userId);
            }
            if (wanted.Count > 0) Need();
            if (open is not null && (added ?? removed) is not null) SendWatch(open, added ?? [], removed ?? []);
        }
    }

    /// <summary>Under the lock: keeps the stream open or opens it.</summary>
    private long Need()
    {
        neededAt = time.GetTimestamp();
        if (running is null && !stopping.IsCancellationRequested)
        {
            lostAt = neededAt;
            running = Task.Run(RunAsync);
        }
        return neededAt;
    }

    private async Task RunAsync()
    {
        var delay = FirstDelay;
        while (true)
        {
            var started = time.GetTimestamp();
            try
            {
                await ServeAsync();
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                LogBroken(cell, e.Message);
            }
            catch (Exception)
            {
                LogStopped(cell);
            }
            if (stopping.IsCancellationRequested) return;
            lock (gate)
            {
                if (wanted.Count == 0 && typing.Count == 0)
                {
                    running = null;
                    return;
                }
            }
            if (time.GetElapsedTime(started) > MaxDelay) delay = FirstDelay;
            await Task.Delay(delay * (0.5 + Random.Shared.NextDouble()), time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            delay = delay * 2 < MaxDelay ? delay * 2 : MaxDelay;
        }
    }

    /// <summary>One connection, from its beginning to its end.</summary>
    private async Task ServeAsync()
    {
        using var socket = await ConnectAsync();
        var outbound = new OutboundQueue(socket, static () => { }, OutboundBytes, OutboundFrames, ConnectTimeout, time);
        using var stop = stopping.Register(outbound.Abort);
        using var reader = new FrameReader(socket);
        var heardAt = time.GetTimestamp();
        var pinging = time.CreateTimer(_ => Ping(outbound, Volatile.Read(ref heardAt)), null, PeerFrame.PingInterval, PeerFrame.PingInterval);
        await using var _ = pinging;
        Begin(outbound);
        PresenceMetrics.PeerStreams.Add(1, PresenceMetrics.Direction("out"));
        LogOpen(cell);
        try
        {
            while (await reader.ReadAsync(stopping) is var kind)
            {
                if (kind != FrameKind.Text) return;
                Volatile.Write(ref heardAt, time.GetTimestamp());
                if (PeerFrame.Decode(reader.Frame) is not { } frame) throw new InvalidDataException("It sent what is no frame.");
                foreach (var user in frame.Users ?? [])
                {
                    if (user?.ToSnapshot() is { } snapshot) told(snapshot);
                }
            }
        }
        finally
        {
            PresenceMetrics.PeerStreams.Add(-1, PresenceMetrics.Direction("out"));
            lock (gate)
            {
                open = null;
                lostAt = time.GetTimestamp();
            }
            outbound.Stop();
        }
    }

    private async Task<ClientWebSocket> ConnectAsync()
    {
        var to = address() ?? throw new InvalidOperationException("The cell map doesn't know it.");
        var secret = token() ?? throw new InvalidOperationException($"There is no secret to-{cell}.");
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + secret);
            socket.Options.KeepAliveInterval = TimeSpan.Zero;
            socket.Options.Proxy = null;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            limit.CancelAfter(ConnectTimeout);
            await socket.ConnectAsync(new UriBuilder(new Uri(to, $"/internal/v1/peers/{us}/live")) { Scheme = to.Scheme == "https" ? "wss" : "ws" }.Uri, limit.Token);
            return socket;
        }
        catch (Exception)
        {
            socket.Dispose();
            throw;
        }
    }

    private void Begin(OutboundQueue outbound)
    {
        lock (gate)
        {
            open = outbound;
            if (wanted.Count > 0) SendWatch(outbound, [.. wanted.Keys], []);
            while (typing.TryDequeue(out var item))
            {
                if (time.GetElapsedTime(item.At) < TypingPatience) Send(outbound, new PeerFrame(PeerFrame.Types, Typing: [item.Typing]));
            }
        }
    }

    /// <summary>Also where the stream ends: when the other side is silent, or nothing was wanted of it for long.</summary>
    private void Ping(OutboundQueue outbound, long heardAt)
    {
        lock (gate)
        {
            if (time.GetElapsedTime(heardAt) > PeerFrame.Silence) outbound.Abort();
            else if (wanted.Count == 0 && time.GetElapsedTime(neededAt) > KeepFor) outbound.Close((int)WebSocketCloseStatus.NormalClosure, "not needed");
            else Send(outbound, new PeerFrame(PeerFrame.Ping));
        }
    }

    private static void SendWatch(OutboundQueue outbound, IReadOnlyList<string> added, IReadOnlyList<string> removed)
    {
        for (var from = 0; from < Math.Max(added.Count, removed.Count); from += PeerFrame.MaxUsers)
        {
            Send(outbound, new PeerFrame(PeerFrame.Watch, [.. added.Skip(from).Take(PeerFrame.MaxUsers)], [.. removed.Skip(from).Take(PeerFrame.MaxUsers)]));
        }
    }

    private static void Send(OutboundQueue outbound, PeerFrame frame)
    {
        if (!outbound.TryEnqueue(frame.Encode())) outbound.Abort(); // it takes nothing; the next connection says everything again
    }

    [LoggerMessage(493, LogLevel.Warning, "The stream of presence to cell {Cell} is broken: {Reason}")]
    private partial void LogBroken(string cell, string reason);

    [LoggerMessage(494, LogLevel.Information, "The stream of presence to cell {Cell} is open.")]
    private partial void LogOpen(string cell);

    [LoggerMessage(495, LogLevel.Debug, "The stream of presence to cell {Cell} has stopped.")]
    private partial void LogStopped(string cell);
}
