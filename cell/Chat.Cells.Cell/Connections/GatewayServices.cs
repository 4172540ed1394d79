using Chat.Cells.Cell.Http;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Unread;

namespace Chat.Cells.Cell.Connections;

/// <summary>The gateway's parts.</summary>
public static class GatewayServices
{
    /// <summary>What every server has, whatever its roles: readiness and the status endpoint ask for it.</summary>
    public static IServiceCollection AddSockets(this IServiceCollection services)
    {
        services.AddSingleton<ConnectionRegistry>();
        services.AddSingleton<ChannelLog>();
        services.AddSingleton<Drain>();
        // Stopped in the opposite order: the drain's wait for appends comes last.
        services.AddHostedService(s => s.GetRequiredService<Drain>());
        return services;
    }

    /// <summary>What serves clients. Needs <see cref="AddSockets"/> before it.</summary>
    public static IServiceCollection AddGateway(this IServiceCollection services)
    {
        services.AddSingleton<PendingRequests>();
        services.AddSingleton<CommandClient>();
        services.AddSingleton<SendHandler>();
        services.AddSingleton<UnreadReader>();
        services.AddSingleton<UnreadFeed>();
        services.AddSingleton<InboxFeed>();
        services.AddSingleton<SocketSession>();
        services.AddSingleton<WebSocketEndpoint>();
        services.AddSingleton<ReceiptCoalescer>();
        services.AddSingleton<Commands>();
        services.AddHostedService(s => s.GetRequiredService<ReceiptCoalescer>());
        services.AddPresence();
        services.AddHostedService(s => s.GetRequiredService<UnreadFeed>());
        services.AddHostedService<ServerInbox>();
        services.AddHostedService<HeartbeatTick>();
        return services;
    }

    public static void MapGateway(this IEndpointRouteBuilder app)
    {
        // Not by the request's services: a scope of them would live as long as the socket.
        var endpoint = app.ServiceProvider.GetRequiredService<WebSocketEndpoint>();
        app.MapGet("/v1/ws", (Delegate)((HttpContext context) => endpoint.HandleAsync(context)))
            .WithName("Connect").WithSummary("The WebSocket: subprotocol chat.cells.v1, with a bearer token or a ticket").ProducesProblems(401, 403, 421, 426, 503);
    }
}
