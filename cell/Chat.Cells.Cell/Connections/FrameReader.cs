using System.Buffers;
using System.Net.WebSockets;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Connections;

/// <summary>What was read from a socket.</summary>
internal enum FrameKind
{
    /// <summary>A whole text message; <see cref="FrameReader.Frame"/> holds it until the next read.</summary>
    Text,
    Binary,
    TooLarge,
    Close,

    /// <summary>The peer is gone without a close.</summary>
    Gone,

    /// <summary>The peer broke the WebSocket protocol, for example by invalid UTF-8; the close that says so has been sent.</summary>
    Invalid,
}

/// <summary>
/// Reads whole messages. While nothing comes it holds no buffer: it waits with a read of zero bytes, takes a pooled buffer for the message and gives it back after.
/// </summary>
internal sealed class FrameReader(WebSocket socket) : IDisposable
{
    private const int FirstBuffer = 2048;
    private byte[]? buffer;
    private int length;

    /// <summary>The message of the last read.</summary>
    public ReadOnlySpan<byte> Frame => buffer.AsSpan(0, length);

    public async ValueTask<FrameKind> ReadAsync(CancellationToken cancellationToken)
    {
        Release();
        try
        {
            var result = await socket.ReceiveAsync(Memory<byte>.Empty, cancellationToken);
            if (result.MessageType == WebSocketMessageType.Close) return FrameKind.Close;
            if (result.MessageType == WebSocketMessageType.Binary) return FrameKind.Binary;
            buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
            while (!result.EndOfMessage)
            {
                if (length == buffer.Length)
                {
                    if (length > ProtocolLimits.MaxFrameBytes) return FrameKind.TooLarge;
                    Grow();
                }
                result = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                if (result.MessageType == WebSocketMessageType.Close) return FrameKind.Close;
                length += result.Count;
            }
            return length > ProtocolLimits.MaxFrameBytes ? FrameKind.TooLarge : FrameKind.Text;
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            return e is WebSocketException { WebSocketErrorCode: not WebSocketError.ConnectionClosedPrematurely } ? FrameKind.Invalid : FrameKind.Gone;
        }
    }

    public void Dispose() => Release();

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Min(buffer!.Length * 2, ProtocolLimits.MaxFrameBytes + 1));
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }

    private void Release()
    {
        if (buffer is not null) ArrayPool<byte>.Shared.Return(buffer);
        buffer = null;
        length = 0;
    }
}
