using System.Buffers.Binary;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

namespace Chat.Cells.Cell.Tests.Connections;

/// <summary>A WebSocket client that writes its own bytes: many frames at once, or nothing at all.</summary>
internal sealed class RawSocket : IAsyncDisposable
{
    private readonly TcpClient connection;

    private RawSocket(TcpClient tcp, TestSocket socket)
    {
        connection = tcp;
        Socket = socket;
    }

    /// <summary>For reading.</summary>
    public TestSocket Socket { get; }

    public static async Task<RawSocket> ConnectAsync(Uri cell, string token, int receiveBuffer = 0)
    {
        var tcp = new TcpClient();
        if (receiveBuffer > 0) tcp.ReceiveBufferSize = receiveBuffer;
        await tcp.ConnectAsync(cell.Host, cell.Port);
        var stream = tcp.GetStream();
        var request = $"GET /v1/ws HTTP/1.1\r\nHost: {cell.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + $"Sec-WebSocket-Key: {Convert.ToBase64String(Guid.NewGuid().ToByteArray())}\r\nSec-WebSocket-Protocol: chat.cells.v1\r\nAuthorization: Bearer {token}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            Assert.Equal(1, await stream.ReadAsync(one));
            head.Append((char)one[0]);
        }
        Assert.StartsWith("HTTP/1.1 101", head.ToString(), StringComparison.Ordinal);
        return new RawSocket(tcp, new TestSocket(WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = false })));
    }

    /// <summary>All frames in one write.</summary>
    public async Task WriteAsync(IEnumerable<string> frames)
    {
        using var bytes = new MemoryStream();
        foreach (var frame in frames) WriteFrame(bytes, Encoding.UTF8.GetBytes(frame));
        await connection.GetStream().WriteAsync(bytes.ToArray());
    }

    public async ValueTask DisposeAsync()
    {
        await Socket.DisposeAsync();
        connection.Dispose();
    }

    /// <summary>A client's text frame.</summary>
    public static void WriteFrame(MemoryStream bytes, byte[] payload)
    {
        bytes.WriteByte(0x81); // final, text
        if (payload.Length < 126)
        {
            bytes.WriteByte((byte)(0x80 | payload.Length));
        }
        else
        {
            bytes.WriteByte(0x80 | 126);
            Span<byte> length = stackalloc byte[2];
            BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)payload.Length);
            bytes.Write(length);
        }
        bytes.Write([0, 0, 0, 0]); // a mask of zeros
        bytes.Write(payload);
    }
}
