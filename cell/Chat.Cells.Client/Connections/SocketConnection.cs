using System.Buffers;
using System.Net;
using System.Net.WebSockets;
using System.Threading.Channels;
using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Events;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client.Connections;

/// <summary>One WebSocket from handshake to end: a bounded queue of frames out, whole frames in, and how it ended.</summary>
internal sealed class SocketConnection : IDisposable
{
    private const int OutboundFrames = 4_096;
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    private readonly ClientWebSocket socket;
    private readonly ChatClientOptions options;
    private readonly int number;
    private readonly CancellationTokenSource broken = new();
    private readonly Channel<byte[]> outbound = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(OutboundFrames) { SingleReader = true });
    private string? breakReason;
    private long lastReceived;
    private int handling;

    private SocketConnection(ClientWebSocket socket, ChatClientOptions options, int number)
    {
        this.socket = socket;
        this.options = options;
        this.number = number;
        lastReceived = options.TimeProvider.GetTimestamp();
    }

    /// <summary>How long the server has said nothing; zero while a frame is being handled.</summary>
    public TimeSpan Silence => Volatile.Read(ref handling) != 0 ? TimeSpan.Zero : options.TimeProvider.GetElapsedTime(Volatile.Read(ref lastReceived));

    /// <summary>Opens a socket; one of the two results is null.</summary>
    public static async Task<(SocketConnection? Connection, ConnectionEnd? Refused)> OpenAsync(
        Uri endpoint,
        string token,
        int number,
        ChatClientOptions options,
        CancellationToken cancellationToken)
    {
        var opening = new ClientWebSocket();
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.ConnectTimeout);
        try
        {
            opening.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            opening.Options.AddSubProtocol(ProtocolLimits.Subprotocol);
            opening.Options.CollectHttpResponseDetails = true;
            opening.Options.KeepAliveInterval = TimeSpan.Zero; // The protocol's own heartbeats do this, and reach the chat server behind the router.
            await opening.ConnectAsync(SocketUri(endpoint), timeout.Token);
            opening.HttpResponseHeaders = null;
            options.FrameTap?.ConnectionOpened(number, options.TimeProvider.GetTimestamp());
            return (new SocketConnection(opening, options, number), null);
        }
        catch (Exception e) when (e is WebSocketException or HttpRequestException or IOException or OperationCanceledException)
        {
            HttpStatusCode? status = opening.HttpStatusCode == default(HttpStatusCode) ? null : opening.HttpStatusCode;
            var retryAfter = RetryAfterOf(opening, options.TimeProvider);
            opening.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            var reason = e is OperationCanceledException ? "The server did not answer in time." : e.Message;
            return (null, new ConnectionEnd(false, null, reason, status, retryAfter, null));
        }
    }

    /// <summary>Queues a frame; false when the connection takes no more, and is then given up.</summary>
    public bool TrySend(byte[] frame)
    {
        if (outbound.Writer.TryWrite(frame)) return true;
        Break("The server does not read.");
        return false;
    }

    /// <summary>Gives the connection up.</summary>
    public void Break(string reason)
    {
        Interlocked.CompareExchange(ref breakReason, reason, null);
        outbound.Writer.TryComplete();
        broken.Cancel();
    }

    /// <summary>Runs until the connection ends. A frame that <paramref name="onFrame"/> can't take (it throws <see cref="ProtocolViolationException"/>) ends it.</summary>
    public async Task<ConnectionEnd> RunAsync(Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> onFrame, CancellationToken cancellationToken)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, broken.Token);
        var writing = WriteAsync(both.Token);
        try
        {
            await ReadAsync(onFrame, both.Token);
        }
        catch (Exception e) when (e is WebSocketException or IOException or ProtocolViolationException or HandlerFailedException)
        {
            Break(e.Message);
        }
        catch (OperationCanceledException) when (both.IsCancellationRequested)
        {
            Break("The client stopped.");
        }
        outbound.Writer.TryComplete();
        await CloseAsync();
        broken.Cancel();
        await writing;
        var code = (int?)socket.CloseStatus;
        var reason = code is null ? breakReason : socket.CloseStatusDescription;
        options.FrameTap?.ConnectionClosed(number, options.TimeProvider.GetTimestamp(), code, reason);
        return new ConnectionEnd(true, code, reason, null, null, null);
    }

    public void Dispose()
    {
        socket.Dispose();
        broken.Dispose();
    }

    private static Uri SocketUri(Uri endpoint)
    {
        var builder = new UriBuilder(new Uri(endpoint, "/v1/ws"));
        builder.Scheme = builder.Scheme is "https" or "wss" ? "wss" : "ws";
        return builder.Uri;
    }

    private static TimeSpan? RetryAfterOf(ClientWebSocket refused, TimeProvider time)
    {
        if (refused.HttpResponseHeaders?.FirstOrDefault(h => h.Key.Equals("Retry-After", StringComparison.OrdinalIgnoreCase)).Value?.FirstOrDefault() is not { } text) return null;
        return System.Net.Http.Headers.RetryConditionHeaderValue.TryParse(text, out var header) ? HttpTransport.RetryAfterOf(header, time) : null;
    }

    private async Task ReadAsync(Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> onFrame, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(8 * 1024);
        try
        {
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult result;
                do
                {
                    if (length == buffer.Length)
                    {
                        if (length >= options.MaxFrameBytes) throw new ProtocolViolationException($"The server sent a frame of more than {options.MaxFrameBytes} bytes.");
                        var larger = ArrayPool<byte>.Shared.Rent(Math.Min(length * 2, options.MaxFrameBytes));
                        buffer.AsSpan(0, length).CopyTo(larger);
                        ArrayPool<byte>.Shared.Return(buffer);
                        buffer = larger;
                    }
                    result = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                    length += result.Count;
                    Volatile.Write(ref lastReceived, options.TimeProvider.GetTimestamp());
                }
                while (!result.EndOfMessage);
                if (result.MessageType == WebSocketMessageType.Close) return;
                if (result.MessageType == WebSocketMessageType.Binary) throw new ProtocolViolationException("The server sent a binary frame.");
                options.FrameTap?.Frame(number, options.TimeProvider.GetTimestamp(), FrameDirection.FromServer, buffer.AsSpan(0, length));
                Volatile.Write(ref handling, 1);
                await onFrame(buffer.AsMemory(0, length), cancellationToken);
                Volatile.Write(ref lastReceived, options.TimeProvider.GetTimestamp());
                Volatile.Write(ref handling, 0);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var frame in outbound.Reader.ReadAllAsync(cancellationToken))
            {
                options.FrameTap?.Frame(number, options.TimeProvider.GetTimestamp(), FrameDirection.ToServer, frame);
                await socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
            }
        }
        catch (Exception e) when (e is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // A close frame from the server says more than our failed write: let the reader find it first.
            await Task.WhenAny(Task.Delay(CloseTimeout, options.TimeProvider, cancellationToken));
            Break(e.Message);
        }
        catch (OperationCanceledException)
        {
            outbound.Writer.TryComplete();
        }
    }

    private async Task CloseAsync()
    {
        if (socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived)) return;
        using var timeout = new CancellationTokenSource(CloseTimeout);
        try
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, timeout.Token);
        }
        catch (Exception e) when (e is WebSocketException or IOException or OperationCanceledException or InvalidOperationException)
        {
            Interlocked.CompareExchange(ref breakReason, e.Message, null);
            socket.Abort();
        }
    }
}
