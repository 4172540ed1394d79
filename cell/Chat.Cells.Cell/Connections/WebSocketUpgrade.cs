using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Chat.Cells.Cell.Connections;

/// <summary>
/// The server's side of the WebSocket handshake (RFC 6455, section 4.2). Done here and not by the framework's middleware, because that resets the connection when a frame
/// breaks the protocol, and the client then mostly doesn't see the close code that says why.
/// </summary>
internal static class WebSocketUpgrade
{
    private const string AcceptSalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /// <summary>Whether the request asks for a WebSocket in a way that can be answered.</summary>
    public static bool IsRequested(HttpContext context) =>
        context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true }
        && HttpMethods.IsGet(context.Request.Method)
        && string.Equals(context.Request.Headers.Upgrade.ToString(), "websocket", StringComparison.OrdinalIgnoreCase)
        && context.Request.Headers.SecWebSocketVersion.ToString() == "13"
        && IsKey(context.Request.Headers.SecWebSocketKey.ToString());

    /// <summary>The offered subprotocols, in order.</summary>
    public static string[] Protocols(HttpContext context) =>
        context.Request.Headers.SecWebSocketProtocol.ToString().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Answers 101. Aborting or disposing the socket leaves the connection to the caller: it ends with the request, or by <see cref="HttpContext.Abort"/>.</summary>
    public static async Task<WebSocket> AcceptAsync(HttpContext context, string? protocol)
    {
        var headers = context.Response.Headers;
        headers.Connection = "Upgrade";
        headers.Upgrade = "websocket";
        // The handshake's own algorithm; it protects nothing.
#pragma warning disable CA5350
        headers.SecWebSocketAccept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(context.Request.Headers.SecWebSocketKey.ToString() + AcceptSalt)));
#pragma warning restore CA5350
        if (protocol is not null) headers.SecWebSocketProtocol = protocol;
        var stream = await context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync();
        // They would live as long as the socket, the token among them.
        context.Request.Headers.Clear();
        return WebSocket.CreateFromStream(new LastingStream(stream), new WebSocketCreationOptions
        {
            IsServer = true,
            SubProtocol = protocol,
            KeepAliveInterval = TimeSpan.Zero, // clients send heartbeats; a timer per socket would cost more than it finds
        });
    }

    private static bool IsKey(string key)
    {
        Span<byte> bytes = stackalloc byte[24];
        return key.Length == 24 && Convert.TryFromBase64String(key, bytes, out var length) && length == 16;
    }

    /// <summary>A stream that stays open when the socket over it is disposed.</summary>
    private sealed class LastingStream(Stream inner) : Stream
    {
        public override bool CanRead => true;
        public override bool CanWrite => true;
        public override bool CanSeek => false;
        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);
        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => inner.ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);
        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => inner.WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
            // Written bytes are flushed by the asynchronous calls.
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
