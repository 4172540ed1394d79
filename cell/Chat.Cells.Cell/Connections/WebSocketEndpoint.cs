using System.Net.WebSockets;
using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Http;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;
using Microsoft.AspNetCore.Connections;

namespace Chat.Cells.Cell.Connections;

/// <summary><c>GET /v1/ws</c>: who may open a socket.</summary>
internal sealed class WebSocketEndpoint(
    CellOptions options,
    CellIdentity identity,
    CurrentCellMap map,
    AccessTokenVerifier tokens,
    Tickets tickets,
    IAccountStore accounts,
    ConnectionRegistry connections,
    SocketSession sessions,
    Drain drain,
    TimeProvider time)
{
    public async Task HandleAsync(HttpContext context)
    {
        if (IsForeignOrigin(context.Request))
        {
            Count("foreign_origin");
            await Problems.WriteAsync(context, StatusCodes.Status403Forbidden, ErrorCodes.Forbidden, "This origin may not connect.");
            return;
        }
        var protocols = WebSocketUpgrade.Protocols(context);
        var isSocket = WebSocketUpgrade.IsRequested(context);
        if (isSocket && protocols.Length > 0 && !protocols.Contains(ProtocolLimits.Subprotocol, StringComparer.Ordinal))
        {
            await Problems.WriteAsync(context, StatusCodes.Status400BadRequest, ErrorCodes.BadRequest, $"The subprotocol is {ProtocolLimits.Subprotocol}.");
            return;
        }
        if (!isSocket)
        {
            await AnswerOtherAsync(context, protocols);
            return;
        }
        if (drain.IsDraining || !connections.TryEnter(options.MaxConnections))
        {
            Count("full");
            await Problems.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, ErrorCodes.Busy, "No more sockets here now.", retryAfter: TimeSpan.FromSeconds(2));
            return;
        }
        var isHandedOver = false;
        try
        {
            isHandedOver = await OpenAsync(context, protocols);
        }
        finally
        {
            if (!isHandedOver) connections.Leave();
        }
    }

    /// <summary>What isn't a socket's request learns whether its token would be good for one.</summary>
    private async Task AnswerOtherAsync(HttpContext context, string[] protocols)
    {
        var refusal = (await AuthenticateAsync(context, protocols)).Refusal;
        var (status, code) = refusal is null ? (StatusCodes.Status426UpgradeRequired, ErrorCodes.BadRequest)
            : refusal.Code == CloseCodes.Moved ? (StatusCodes.Status421MisdirectedRequest, ErrorCodes.Moved)
            : (StatusCodes.Status401Unauthorized, ErrorCodes.Unauthorized);
        await Problems.WriteAsync(context, status, code, "This is a WebSocket's address.", refusal?.Code == CloseCodes.Moved ? refusal.Reason : null);
    }

    /// <summary>False when the request was refused by an answer; a bad token is accepted and then closed, so that a browser's client sees why.</summary>
    private async Task<bool> OpenAsync(HttpContext context, string[] protocols)
    {
        var (account, device, expiresAt, refusal) = await AuthenticateAsync(context, protocols);
        if (account is not null && connections.Of(account.UserId).Length >= options.MaxConnectionsPerUser)
        {
            Count("user_full");
            await Problems.WriteAsync(context, StatusCodes.Status429TooManyRequests, ErrorCodes.RateLimited, "This user has too many sockets here; close some.", retryAfter: TimeSpan.FromSeconds(5));
            return false;
        }
        var isUser = account is not null && device is not null;
        Count(isUser ? "accepted" : refusal?.Code == CloseCodes.Moved ? "moved" : "unauthorized");
        await WebSocketUpgrade.AcceptAsync(context, protocols.Length > 0 ? ProtocolLimits.Subprotocol : null, (socket, connection) => isUser
            ? sessions.RunAsync(
                socket,
                new Connection(account!.UserId, device!.DeviceId, DeviceKinds.Normalize(device.Kind), account.Epoch, socket, connection.Abort, expiresAt, options, time),
                connection.ConnectionClosed)
            : RefuseAsync(socket, connection, refusal ?? new Refusal(CloseCodes.Unauthorized, "unauthorized")));
        return true;
    }

    /// <summary>The user, or why not. From the access token, or from a ticket in the subprotocols; from nothing else.</summary>
    private async Task<(AccountRow? Account, DeviceRow? Device, DateTimeOffset ExpiresAt, Refusal? Refusal)> AuthenticateAsync(HttpContext context, string[] protocols)
    {
        string userId, deviceId;
        DateTimeOffset expiresAt;
        if (CallerAuthentication.BearerToken(context.Request) is { } bearer)
        {
            var result = await tokens.VerifyAsync(bearer);
            if (!result.IsValid) return Refuse(CloseCodes.Unauthorized, "unauthorized");
            (userId, deviceId, expiresAt) = (result.Token.UserId, result.Token.DeviceId, result.Token.ExpiresAt);
            if (HomeElsewhere(userId) is { } home) return Refuse(CloseCodes.Moved, home);
        }
        else
        {
            var offered = protocols.FirstOrDefault(p => p.StartsWith(ProtocolLimits.TicketSubprotocolPrefix, StringComparison.Ordinal));
            if (offered is null) return Refuse(CloseCodes.Unauthorized, "unauthorized");
            var ticket = offered[ProtocolLimits.TicketSubprotocolPrefix.Length..];
            if (Tickets.UserOf(ticket) is not { } named) return Refuse(CloseCodes.Unauthorized, "unauthorized");
            if (HomeElsewhere(named) is { } home) return Refuse(CloseCodes.Moved, home);
            if (await tickets.TakeAsync(ticket, context.RequestAborted) is not { } taken || taken.TokenExpiresAt <= time.GetUtcNow()) return Refuse(CloseCodes.Unauthorized, "unauthorized");
            (userId, deviceId, expiresAt) = taken;
        }
        if (await accounts.FindAccountAsync(userId, context.RequestAborted) is not { } account
            || await accounts.FindDeviceAsync(userId, deviceId, context.RequestAborted) is not { } device)
        {
            return Refuse(CloseCodes.Unauthorized, "unauthorized");
        }
        return (account, device, expiresAt, null);
    }

    private string? HomeElsewhere(string userId) => map.Current?.HomeOf(userId)?.Name is { } home && home != identity.Cell ? home : null;

    /// <summary>
    /// Only browsers send an origin; theirs must be one of ours, or the very address that the page asks (the router keeps the Host header as it came). No cookie ever
    /// identifies anybody here, so that a page that lies about its address gains nothing.
    /// </summary>
    private bool IsForeignOrigin(HttpRequest request)
    {
        if (request.Headers.Origin.Count == 0) return false;
        var origin = request.Headers.Origin.ToString();
        return !options.AllowedOrigins.Contains(origin, StringComparer.OrdinalIgnoreCase)
            && !string.Equals(origin, $"http://{request.Host}", StringComparison.OrdinalIgnoreCase)
            && !string.Equals(origin, $"https://{request.Host}", StringComparison.OrdinalIgnoreCase);
    }

    private async Task RefuseAsync(WebSocket socket, ConnectionContext connection, Refusal refusal)
    {
        using var limit = new CancellationTokenSource(options.CloseTimeout);
        try
        {
            await socket.CloseAsync((WebSocketCloseStatus)refusal.Code, refusal.Reason, limit.Token);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            connection.Abort();
        }
        finally
        {
            connections.Leave();
        }
    }

    private static (AccountRow?, DeviceRow?, DateTimeOffset, Refusal) Refuse(int code, string reason) => (null, null, default, new Refusal(code, reason));

    private static void Count(string outcome) => GatewayMetrics.Connects.Add(1, GatewayMetrics.Outcome(outcome));

    private sealed record Refusal(int Code, string Reason);
}
