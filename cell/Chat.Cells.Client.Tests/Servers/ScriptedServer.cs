using System.Threading.Channels;
using Chat.Cells.Protocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Client.Tests.Servers;

/// <summary>A chat server that does what a test says, frame by frame, on a loopback port.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly Channel<ScriptedConnection> connections = System.Threading.Channels.Channel.CreateUnbounded<ScriptedConnection>();
    private readonly WebApplication app;
    private readonly CancellationTokenSource stopping = new();

    private ScriptedServer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(System.Net.IPAddress.Loopback, 0));
        app = builder.Build();
        app.UseWebSockets();
        app.Run(HandleAsync);
    }

    public Uri Url => new(app.Urls.First());

    /// <summary>Answers a handshake itself (true) or lets it through.</summary>
    public Func<HttpContext, bool>? Handshake { get; set; }

    /// <summary>Answers every other request.</summary>
    public Func<HttpContext, Task>? Http { get; set; }

    public static async Task<ScriptedServer> StartAsync()
    {
        var server = new ScriptedServer();
        await server.app.StartAsync();
        return server;
    }

    public async Task<ScriptedConnection> AcceptAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return await connections.Reader.ReadAsync(timeout.Token);
    }

    /// <summary>Accepts a connection, takes its <c>sync</c>, answers with an empty batch.</summary>
    public async Task<ScriptedConnection> AcceptSyncedAsync(string cursor = "1.0.0")
    {
        var connection = await AcceptAsync();
        await connection.ReceiveAsync(FrameTypes.Sync);
        await connection.SendAsync(FrameTypes.SyncBatch, new { events = Array.Empty<object>(), cursor, more = false });
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await app.StopAsync();
        await app.DisposeAsync();
        stopping.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            if (Http is null) context.Response.StatusCode = 404;
            else await Http(context);
            return;
        }
        if (Handshake?.Invoke(context) == true) return;
        var socket = await context.WebSockets.AcceptWebSocketAsync(ProtocolLimits.Subprotocol);
        var connection = new ScriptedConnection(socket, context);
        connections.Writer.TryWrite(connection);
        await connection.ReadAllAsync(stopping.Token);
    }
}
