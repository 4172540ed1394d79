using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Connections;
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
        && HttpProtocol.IsHttp11(context.Request.Protocol)
        && HttpMethods.IsGet(context.Request.Method)
        && string.Equals(context.Request.Headers.Upgrade.ToString(), "websocket", StringComparison.OrdinalIgnoreCase)
        && context.Request.Headers.SecWebSocketVersion.ToString() == "13"
        && IsKey(context.Request.Headers.SecWebSocketKey.ToString());

    /// <summary>The offered subprotocols, in order.</summary>
    public static string[] Protocols(HttpContext context) =>
        context.Request.Headers.SecWebSocketProtocol.ToString().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>
    /// Answers 101. The session gets the socket and its connection when the request has ended, and nothing of the request. The connection ends with the session, or when it aborts it;
    /// aborting or disposing the socket leaves it open.
    /// </summary>
    public static async Task AcceptAsync(HttpContext context, string? protocol, Func<WebSocket, ConnectionContext, Task> session)
    {
        var headers = context.Response.Headers;
        headers.Connection = "Upgrade";
        headers.Upgrade = "websocket";
        // The handshake's own algorithm; it protects nothing.
#pragma warning disable CA5350
        headers.SecWebSocketAccept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(context.Request.Headers.SecWebSocketKey.ToString() + AcceptSalt)));
#pragma warning restore CA5350
        if (protocol is not null) headers.SecWebSocketProtocol = protocol;
        await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        context.Features.GetRequiredFeature<ConnectionHandover>().To(protocol, session);
    }

    private static bool IsKey(string key)
    {
        Span<byte> bytes = stackalloc byte[24];
        return key.Length == 24 && Convert.TryFromBase64String(key, bytes, out var length) && length == 16;
    }
}
