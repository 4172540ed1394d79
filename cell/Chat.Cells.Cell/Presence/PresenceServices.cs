using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Http;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Presence;

/// <summary>The parts of presence and typing.</summary>
public static class PresenceServices
{
    public static IServiceCollection AddPresence(this IServiceCollection services)
    {
        services.AddSingleton<PeerLinks>();
        services.AddSingleton<PresenceViews>();
        services.AddSingleton<PresenceAccess>();
        services.AddSingleton<PresencePublisher>();
        services.AddSingleton<TypingFanOut>();
        services.AddSingleton<LiveHandler>();
        services.AddHostedService(s => s.GetRequiredService<PeerLinks>());
        services.AddHostedService(s => s.GetRequiredService<PresencePublisher>());
        services.AddHostedService(s => s.GetRequiredService<TypingFanOut>());
        services.AddHostedService<PresenceTick>();
        return services;
    }

    /// <summary>Where another cell's servers open their streams.</summary>
    public static void MapPeerStreams(this IEndpointRouteBuilder app) =>
        app.MapGet("/internal/v1/peers/{cell}/live", AcceptAsync).RequireInternal(InternalScope.Peer, "cell").ExcludeFromDescription();

    private static async Task AcceptAsync(
        string cell, HttpContext context, PresenceViews views, TypingFanOut typing, ICellDirectory cells, IHostApplicationLifetime lifetime, TimeProvider time)
    {
        if (!cells.Peers.Contains(cell))
        {
            await Problems.WriteAsync(context, StatusCodes.Status404NotFound, ErrorCodes.NotFound, "There is no such cell.");
            return;
        }
        if (!WebSocketUpgrade.IsRequested(context))
        {
            await Problems.WriteAsync(context, StatusCodes.Status426UpgradeRequired, ErrorCodes.BadRequest, "This is a WebSocket's address.");
            return;
        }
        await WebSocketUpgrade.AcceptAsync(context, null, (socket, connection) =>
            new PeerSession(cell, socket, connection.Abort, views, typing, cells, time).RunAsync(lifetime.ApplicationStopping));
    }
}
