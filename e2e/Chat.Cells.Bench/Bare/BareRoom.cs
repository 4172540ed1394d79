using System.Net.WebSockets;

namespace Chat.Cells.Bench.Bare;

/// <summary>The sockets of a room.</summary>
internal sealed class BareRoom(string name)
{
    private readonly Lock gate = new();
    private volatile BareMember[] members = [];
    private long messages;

    public string Name { get; } = name[(name.LastIndexOf('/') + 1)..];

    public long NextMessage() => Interlocked.Increment(ref messages);

    public void Add(BareMember member)
    {
        lock (gate) members = [.. members, member];
    }

    public void Remove(BareMember member)
    {
        lock (gate) members = [.. members.Where(m => m != member)];
    }

    public void Send(byte[] frame)
    {
        foreach (var member in members) member.Send(frame);
    }
}

/// <summary>One socket: frames go out one after the other, the first of them on the thread that brought it.</summary>
internal sealed class BareMember(WebSocket socket)
{
    private readonly Queue<byte[]> waiting = new();
    private bool sending;

    public void Send(byte[] frame)
    {
        lock (waiting)
        {
            if (sending)
            {
                waiting.Enqueue(frame);
                return;
            }
            sending = true;
        }
        _ = SendAllAsync(frame);
    }

    private async Task SendAllAsync(byte[] frame)
    {
        try
        {
            while (true)
            {
                await socket.SendAsync(frame.AsMemory(), WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, CancellationToken.None);
                lock (waiting)
                {
                    if (waiting.TryDequeue(out var next))
                    {
                        frame = next;
                        continue;
                    }
                    sending = false;
                    return;
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            socket.Abort(); // its reader ends, and takes it out of the room
        }
    }
}
