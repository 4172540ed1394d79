using System.Collections.Concurrent;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Router.Tests;

/// <summary>
/// A cell's public listener for tests. HTTP answers tell what arrived; sockets echo, and obey <c>close:code:reason</c>, <c>abort</c> (reset), <c>fin</c> (end without a close frame)
/// and <c>big:n</c> (send n bytes).
/// </summary>
internal sealed class FakeCell(string name) : IAsyncDisposable
{
    private WebApplication? app;
    private int openSockets;
    private readonly HeldPort port = new();

    public string Name => name;

    public Uri Url { get; private set; } = new("http://127.0.0.1:1");

    public bool Healthy { get; set; } = true;

    public int OpenSockets => Volatile.Read(ref openSockets);

    /// <summary>How sockets ended: close status and reason, or null where no close frame came.</summary>
    public ConcurrentQueue<(WebSocketCloseStatus? Status, string? Reason)> Ended { get; } = new();

    public ConcurrentQueue<ReceivedRequest> Requests { get; } = new();

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(port.EndPoint));
        app = builder.Build();
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        app.Run(HandleAsync);
        await app.StartAsync();
        Url = port.Url; // a restart listens where it did
    }

    public async Task StopAsync()
    {
        if (app is null) return;
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
        app = null;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        port.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        if (context.Request.Path == "/healthz")
        {
            context.Response.StatusCode = Healthy ? 200 : 503;
            return;
        }
        if (context.WebSockets.IsWebSocketRequest)
        {
            Requests.Enqueue(ReceivedRequest.From(context, 0));
            await ServeSocketAsync(context);
            return;
        }
        var length = 0L;
        var buffer = new byte[8192];
        for (int read; (read = await context.Request.Body.ReadAsync(buffer)) > 0;) length += read;
        var request = ReceivedRequest.From(context, length);
        Requests.Enqueue(request);
        if (request.Path.EndsWith("/moved", StringComparison.Ordinal))
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = "/v1/users/elsewhere";
            return;
        }
        context.Response.Headers["X-Cell"] = name;
        context.Response.Headers.AccessControlAllowOrigin = "*";
        await context.Response.WriteAsync($"{name} {context.Request.Method} {request.Path}{request.Query} {length}");
    }

    private async Task ServeSocketAsync(HttpContext context)
    {
        var offered = context.WebSockets.WebSocketRequestedProtocols;
        using var socket = await context.WebSockets.AcceptWebSocketAsync(offered.Contains("chat.cells.v1") ? "chat.cells.v1" : null);
        Interlocked.Increment(ref openSockets);
        try
        {
            await EchoAsync(context, socket);
            Ended.Enqueue((socket.CloseStatus, socket.CloseStatusDescription));
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            Ended.Enqueue((null, null));
        }
        finally
        {
            Interlocked.Decrement(ref openSockets);
        }
    }

    private static async Task EchoAsync(HttpContext context, WebSocket socket)
    {
        var buffer = new byte[1 << 16];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer, context.RequestAborted);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, socket.CloseStatusDescription, context.RequestAborted);
                return;
            }
            var command = received is { MessageType: WebSocketMessageType.Text, Count: < 100 } ? Encoding.UTF8.GetString(buffer, 0, received.Count).Split(':', 3) : ["echo"];
            switch (command[0])
            {
                case "abort":
                    context.Abort();
                    return;
                case "fin":
                    return;
                case "close":
                    await socket.CloseAsync((WebSocketCloseStatus)int.Parse(command[1], CultureInfo.InvariantCulture), command[2], context.RequestAborted);
                    return;
                case "big":
                    var bytes = new byte[int.Parse(command[1], CultureInfo.InvariantCulture)];
                    new Random(1).NextBytes(bytes);
                    await socket.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage: true, context.RequestAborted);
                    break;
                default:
                    await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, context.RequestAborted);
                    break;
            }
        }
    }
}

internal sealed record ReceivedRequest(string Method, string Path, string Query, Dictionary<string, string> Headers, long BodyLength)
{
    public static ReceivedRequest From(HttpContext context, long length) => new(
        context.Request.Method,
        context.Request.Path.ToUriComponent(),
        context.Request.QueryString.Value ?? "",
        context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase),
        length);
}
