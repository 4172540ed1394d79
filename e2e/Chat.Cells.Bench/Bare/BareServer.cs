using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Bench.Bare;

/// <summary>
/// The ceiling: ASP.NET Core's own WebSockets with the same frames and the same work, an ack to the sender and the message to everybody in the room, but nothing stored, no order
/// promised, nobody checked. What a cell costs more than this is the price of its promises.
/// </summary>
internal static class BareServer
{
    public static async Task<int> RunAsync(int port, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        await using var app = builder.Build();
        var rooms = new ConcurrentDictionary<string, BareRoom>();
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        app.Run(context => HandleAsync(context, rooms));
        await app.StartAsync(cancellationToken);
        await app.WaitForShutdownAsync(cancellationToken);
        return 0;
    }

    private static async Task HandleAsync(HttpContext context, ConcurrentDictionary<string, BareRoom> rooms)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status200OK;
            return;
        }
        var room = rooms.GetOrAdd(context.Request.Path.Value ?? "", static name => new BareRoom(name));
        using var socket = await context.WebSockets.AcceptWebSocketAsync("chat.cells.v1");
        var member = new BareMember(socket);
        room.Add(member);
        try
        {
            await ReadAllAsync(socket, member, room, context.RequestAborted);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            context.Abort();
        }
        finally
        {
            room.Remove(member);
        }
    }

    private static async Task ReadAllAsync(WebSocket socket, BareMember member, BareRoom room, CancellationToken cancellationToken)
    {
        var buffer = new byte[2048];
        while (true)
        {
            // A read of no bytes waits without a buffer; this one's is small and its own, as in any simple server.
            var length = 0;
            ValueWebSocketReceiveResult result;
            do
            {
                if (length == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
                result = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                if (result.MessageType == WebSocketMessageType.Close) return;
                length += result.Count;
            }
            while (!result.EndOfMessage);
            BareFrames.Handle(buffer.AsSpan(0, length), member, room);
        }
    }
}
