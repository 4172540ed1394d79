using System.Net.WebSockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Chat.Cells.Cell.Connections;

/// <summary>
/// Lets a connection outlive HTTP. A request that was answered 101 leaves its connection to a session; as soon as Kestrel's HTTP has ended on that connection the session runs on it
/// directly, and what was made for requests is garbage. Behind HTTP, as a part of its request, a session would keep all of that for as long as it lives: some 7 KB for a socket that
/// is idle.
/// </summary>
internal sealed class ConnectionHandover : IConnectionHeartbeatFeature
{
    private readonly IConnectionHeartbeatFeature? kestrel;
    private volatile Action? beats;
    private (string? Protocol, Func<WebSocket, ConnectionContext, Task> Session)? waiting;

    private ConnectionHandover(IConnectionHeartbeatFeature? kestrel) => this.kestrel = kestrel;

    /// <summary>In front of HTTP, and behind TLS where there is TLS: what comes after it in <paramref name="options"/> gets the connection first.</summary>
    public static void Use(ListenOptions options) => options.Use(next => connection => ServeAsync(connection, next));

    /// <summary>The session that is to have the connection when HTTP has ended on it. For a request that was answered 101: HTTP then ends with the request.</summary>
    /// <param name="protocol">The subprotocol that was agreed on.</param>
    public void To(string? protocol, Func<WebSocket, ConnectionContext, Task> session) => waiting = (protocol, session);

    /// <summary>
    /// Kestrel's HTTP asks for a beat every second, for its time-outs, and can't take that back: Kestrel would keep all of HTTP for as long as the connection lives. So HTTP gets its
    /// beats from here while it has the connection.
    /// </summary>
    void IConnectionHeartbeatFeature.OnHeartbeat(Action<object> action, object state)
    {
        if (beats is null) kestrel?.OnHeartbeat(static self => ((ConnectionHandover)self).beats?.Invoke(), this);
        beats += () => action(state);
    }

    private static async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var handover = new ConnectionHandover(connection.Features.Get<IConnectionHeartbeatFeature>());
        connection.Features.Set(handover);
        connection.Features.Set<IConnectionHeartbeatFeature>(handover);
        await next(connection);
        if (handover.waiting is not var (protocol, session)) return;
        handover.waiting = null;
        handover.beats = null;
        using var socket = WebSocket.CreateFromStream(new TransportStream(connection.Transport), new WebSocketCreationOptions
        {
            IsServer = true,
            SubProtocol = protocol,
            KeepAliveInterval = TimeSpan.Zero, // clients send heartbeats; a timer per socket would cost more than it finds
        });
        await session(socket, connection);
    }
}
