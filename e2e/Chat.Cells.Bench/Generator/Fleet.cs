using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Chat.Cells.Bench.Measure;

namespace Chat.Cells.Bench.Generator;

/// <summary>All clients of a run on one thread: whoever calls <see cref="Poll"/>. Clients sync, beat and ack as the protocol asks; what to send, and when, is the caller's.</summary>
internal sealed unsafe class Fleet : IDisposable
{
    private const int MaxEvents = 256;
    private const int Sources = 8; // loopback addresses to connect from: each has its own ports
    private const long BeatInterval = 5 * Clock.Second;

    private readonly IReadOnlyList<IPEndPoint> servers;
    private readonly Connection[] connections;
    private readonly CancellationToken stopping;
    private readonly FrameParser parser;
    private readonly Frames frames = new();
    private readonly byte[] buffer = new byte[256 * 1024];
    private readonly byte* events = (byte*)NativeMemory.AllocZeroed(MaxEvents * 16);
    private readonly int poll = Libc.NewPoll();
    private long lastBeat = Clock.Now;
    private double beatsOwed;
    private int nextToBeat;

    /// <param name="servers">Connections take them in turn.</param>
    /// <param name="connections">Not open yet.</param>
    /// <param name="stopping">Ends whatever is polled for.</param>
    public Fleet(IReadOnlyList<IPEndPoint> servers, IReadOnlyList<Connection> connections, CancellationToken stopping)
    {
        this.servers = servers;
        this.stopping = stopping;
        this.connections = [.. connections];
        parser = new FrameParser(Traffic);
    }

    public Traffic Traffic { get; } = new();

    public IReadOnlyList<Connection> Connections => connections;

    /// <summary>Connections in sync.</summary>
    public int Live { get; private set; }

    /// <summary>Connections on their way.</summary>
    public int Opening { get; private set; }

    /// <summary>Called when a connection has come in sync.</summary>
    public Action<Connection>? OnLive { get; set; }

    /// <summary>Called when a connection is gone or wasn't to be had.</summary>
    public Action<Connection>? OnLost { get; set; }

    /// <summary>Begins to connect.</summary>
    public void Open(Connection connection)
    {
        // 127.0.1.1 and up; the server listens on 127.0.0.1.
        connection.Fd = Libc.Open(0x7F000101u + (uint)(connection.Index % Sources));
        connection.State = ConnectionState.Connecting;
        Opening++;
        var error = Libc.Connect(connection.Fd, servers[connection.Index % servers.Count]);
        if (error != 0) Lose(connection, Marshal.GetPInvokeErrorMessage(error));
        else Libc.Watch(poll, connection.Fd, Libc.Out, connection.Index, again: false);
    }

    /// <summary>Sends a message of the connection's channel; nothing when it isn't in sync.</summary>
    public void SendMessage(Connection connection, long meantAt, long number, int contentBytes)
    {
        if (connection.State != ConnectionState.Live) return;
        Send(connection, frames.Message(connection, meantAt, number, contentBytes));
        connection.LastSent = number;
        Traffic.CountSent(number, meantAt, Clock.Now);
    }

    /// <summary>Handles what has come; waits for something until a time when nothing has.</summary>
    /// <exception cref="OperationCanceledException">The run is stopped.</exception>
    public void Poll(long until)
    {
        stopping.ThrowIfCancellationRequested();
        var now = Clock.Now;
        Beat(now);
        var beatDue = connections.Length == 0 ? long.MaxValue : now + (BeatInterval / connections.Length);
        var count = Libc.Wait(poll, events, MaxEvents, Math.Max(0, Math.Min(until, beatDue) - now));
        for (var i = 0; i < count; i++)
        {
            var (what, key) = Libc.EventAt(events, i);
            Handle(connections[key], what);
        }
    }

    /// <summary>Polls until a condition holds or a time has come; whether it holds.</summary>
    public bool PollUntil(Func<bool> done, TimeSpan bound)
    {
        var end = Clock.Now + (long)bound.TotalNanoseconds;
        while (!done())
        {
            var now = Clock.Now;
            if (now >= end) return false;
            Poll(Math.Min(end, now + (50 * Clock.Millisecond)));
        }
        return true;
    }

    /// <summary>Opens all connections, so many at a time; whether all came in sync within the bound.</summary>
    public bool OpenAll(int atATime, TimeSpan bound)
    {
        var next = 0;
        return PollUntil(
            () =>
            {
                while (next < connections.Length && Opening < atATime) Open(connections[next++]);
                return Live == connections.Length || Traffic.Lost > 0;
            },
            bound) && Traffic.Lost == 0;
    }

    /// <summary>Drops a connection whose attempt took too long.</summary>
    public void GiveUp(Connection connection, string why) => Lose(connection, why);

    public void Dispose()
    {
        foreach (var connection in connections)
        {
            if (connection.Fd >= 0) Libc.Close(connection.Fd);
            connection.Fd = -1;
            connection.State = ConnectionState.Closed;
        }
        Libc.Close(poll);
        NativeMemory.Free(events);
    }

    private void Handle(Connection connection, uint what)
    {
        if (connection.State == ConnectionState.Closed) return;
        if (connection.State == ConnectionState.Connecting)
        {
            var error = Libc.ErrorOf(connection.Fd);
            if (error != 0)
            {
                Lose(connection, Marshal.GetPInvokeErrorMessage(error));
                return;
            }
            connection.State = ConnectionState.Upgrading;
            Libc.Watch(poll, connection.Fd, Libc.In, connection.Index, again: true);
            Send(connection, connection.Upgrade);
            return;
        }
        if ((what & Libc.Out) != 0) SendRest(connection);
        if ((what & (Libc.In | Libc.HangUp | Libc.Error)) != 0) Receive(connection);
    }

    private void Receive(Connection connection)
    {
        var kept = 0;
        if (connection.Partial is { } partial)
        {
            partial.CopyTo(buffer, 0);
            kept = partial.Length;
            connection.Partial = null;
        }
        var count = Libc.Receive(connection.Fd, buffer.AsSpan(kept));
        if (count is 0 or < 0)
        {
            if (count != -Libc.WouldBlock)
            {
                Lose(connection, count == 0 ? "the server closed the connection" : Marshal.GetPInvokeErrorMessage(-count));
                return;
            }
            count = 0;
        }
        ReadOnlySpan<byte> data = buffer.AsSpan(0, kept + count);
        if (connection.State == ConnectionState.Upgrading && !TryUpgrade(connection, ref data)) return;
        while (connection.State is ConnectionState.Syncing or ConnectionState.Live && FrameParser.TryTake(ref data, out var opcode, out var payload))
        {
            if (opcode == FrameParser.Close)
            {
                Lose(connection, $"closed by the server: {FrameParser.CloseText(payload)}");
                return;
            }
            if (opcode == FrameParser.Text && parser.Read(connection, payload) && connection.State == ConnectionState.Syncing) GoLive(connection);
        }
        if (!data.IsEmpty) connection.Partial = data.ToArray();
    }

    private bool TryUpgrade(Connection connection, ref ReadOnlySpan<byte> data)
    {
        var end = data.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            connection.Partial = data.ToArray();
            return false;
        }
        if (!data.StartsWith("HTTP/1.1 101"u8))
        {
            Lose(connection, Encoding.UTF8.GetString(data[..Math.Min(data.Length, 400)]));
            return false;
        }
        data = data[(end + 4)..];
        connection.State = ConnectionState.Syncing;
        Send(connection, frames.Sync(connection.Cursor.AsSpan(0, connection.CursorLength)));
        return true;
    }

    private void GoLive(Connection connection)
    {
        connection.State = ConnectionState.Live;
        connection.Failures = 0;
        Opening--;
        Live++;
        OnLive?.Invoke(connection);
    }

    private void Send(Connection connection, ReadOnlySpan<byte> bytes)
    {
        if (connection.Unsent is { } before)
        {
            connection.Unsent = [.. before, .. bytes];
            return;
        }
        var count = Libc.Send(connection.Fd, bytes);
        if (count == bytes.Length) return;
        if (count < 0 && count != -Libc.WouldBlock) return; // the end shows at the next read
        connection.Unsent = bytes[Math.Max(0, count)..].ToArray();
        Libc.Watch(poll, connection.Fd, Libc.In | Libc.Out, connection.Index, again: true);
    }

    private void SendRest(Connection connection)
    {
        if (connection.Unsent is not { } rest) return;
        var count = Libc.Send(connection.Fd, rest);
        if (count < 0) return;
        connection.Unsent = count == rest.Length ? null : rest[count..];
        if (connection.Unsent is null) Libc.Watch(poll, connection.Fd, Libc.In, connection.Index, again: true);
    }

    private void Lose(Connection connection, string why)
    {
        Libc.Close(connection.Fd);
        if (connection.State == ConnectionState.Live) Live--;
        else Opening--;
        connection.Fd = -1;
        connection.State = ConnectionState.Closed;
        connection.Partial = null;
        connection.Unsent = null;
        Traffic.CountLost(why);
        OnLost?.Invoke(connection);
    }

    /// <summary>Spreads the heartbeats evenly over their interval; what a client has taken in is acked with its heartbeat.</summary>
    private void Beat(long now)
    {
        beatsOwed += (double)(now - lastBeat) / BeatInterval * connections.Length;
        lastBeat = now;
        // After a stall one round is enough.
        beatsOwed = Math.Min(beatsOwed, connections.Length);
        for (; beatsOwed >= 1; beatsOwed--)
        {
            var connection = connections[nextToBeat];
            nextToBeat = (nextToBeat + 1) % connections.Length;
            if (connection.State != ConnectionState.Live) continue;
            Send(connection, frames.Heartbeat());
            if (!connection.CursorIsNew) continue;
            connection.CursorIsNew = false;
            Send(connection, frames.Delivered(connection.Cursor.AsSpan(0, connection.CursorLength)));
        }
    }
}
