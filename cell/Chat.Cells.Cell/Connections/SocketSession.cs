using System.Net.WebSockets;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Connections;

/// <summary>The life of one socket: registered, its frames handled one after the other, closed, unregistered.</summary>
internal sealed partial class SocketSession(
    CellOptions options,
    CellIdentity identity,
    ConnectionRegistry connections,
    ICellState state,
    IMessageStore store,
    IAccountStore accounts,
    AccessTokenVerifier tokens,
    SendHandler sends,
    InboxFeed feed,
    ReceiptCoalescer receipts,
    LiveHandler live,
    Drain drain,
    TimeProvider time,
    ILogger<SocketSession> logger)
{
    /// <summary>Serves a socket until it is closed, then gives its place back.</summary>
    public async Task RunAsync(WebSocket socket, Connection connection, CancellationToken cancellationToken)
    {
        using var reader = new FrameReader(socket);
        connections.Add(connection);
        GatewayMetrics.Sockets.Add(1);
        try
        {
            drain.Joined(connection);
            live.Opened(connection);
            await RegisterAsync(connection.UserId, cancellationToken);
            // Without the token: an aborted connection ends the read by itself, and registering each read with it would cost more than the read.
            await ReadAllAsync(reader, connection, CancellationToken.None);
        }
        finally
        {
            connection.Outbound.Stop();
            GatewayMetrics.Sockets.Add(-1);
            GatewayMetrics.Closes.Add(1, GatewayMetrics.Code((connection.Outbound.CloseCode ?? (int)WebSocketCloseStatus.NormalClosure).ToString(System.Globalization.CultureInfo.InvariantCulture)));
            var wasLast = connections.Remove(connection);
            connections.Leave();
            live.Ended(connection, connection.Outbound.CloseCode is (int)WebSocketCloseStatus.NormalClosure or CloseCodes.Unauthorized);
            if (wasLast) await UnregisterAsync(connection.UserId);
        }
    }

    private async Task UnregisterAsync(string userId)
    {
        try
        {
            await state.UnregisterAsync(identity.ServerId, userId, CancellationToken.None);
        }
        catch (CellStateException e)
        {
            LogStateFailed(e.Message); // it expires by itself
        }
        // Another socket of the user may have come in between and must stay registered.
        if (connections.Of(userId).Length > 0) await RegisterAsync(userId, CancellationToken.None);
    }

    private async Task RegisterAsync(string userId, CancellationToken cancellationToken)
    {
        try
        {
            await state.RegisterAsync(identity.ServerId, [userId], options.RegistrationLife, cancellationToken);
        }
        catch (CellStateException e)
        {
            LogStateFailed(e.Message); // the next heartbeat tick registers, and meanwhile finds what hints would have told
        }
    }

    private async Task ReadAllAsync(FrameReader reader, Connection connection, CancellationToken cancellationToken)
    {
        while (true)
        {
            var kind = await reader.ReadAsync(cancellationToken);
            var closing = connection.Outbound.CloseCode is not null;
            switch (kind)
            {
                case FrameKind.Gone:
                    connection.Outbound.Abort();
                    return;
                case FrameKind.Invalid:
                    return; // not aborted: the close is on its way
                case FrameKind.Close:
                    connection.Outbound.Close((int)WebSocketCloseStatus.NormalClosure, "");
                    await connection.Outbound.Finished.Task;
                    return;
                case FrameKind.Binary:
                    connection.Outbound.Close((int)WebSocketCloseStatus.InvalidMessageType, "text frames only");
                    break;
                case FrameKind.TooLarge:
                    Error(connection, ErrorCodes.TooLarge, $"A frame has at most {ProtocolLimits.MaxFrameBytes} bytes.", null);
                    connection.Outbound.Close((int)WebSocketCloseStatus.MessageTooBig, "frame too large");
                    break;
                case FrameKind.Text when !closing:
                    GatewayMetrics.Frames.Add(1);
                    connection.Heard();
                    await HandleAsync(reader, connection, cancellationToken);
                    // A client that asks faster than it takes answers isn't read on until it has taken some.
                    await connection.Outbound.WaitForRoomAsync();
                    break;
            }
            // What is left of a frame that isn't wanted can't be skipped: after the close has gone out the connection is given up.
            if (kind is FrameKind.Binary or FrameKind.TooLarge)
            {
                await connection.Outbound.Finished.Task;
                await DrainAsync(reader, cancellationToken);
                return;
            }
        }
    }

    /// <summary>Reads on until the peer has seen the close; broken off by the close time-out.</summary>
    private static async Task DrainAsync(FrameReader reader, CancellationToken cancellationToken)
    {
        while (await reader.ReadAsync(cancellationToken) is not (FrameKind.Close or FrameKind.Gone or FrameKind.Invalid)) { }
    }

    private ValueTask HandleAsync(FrameReader reader, Connection connection, CancellationToken cancellationToken)
    {
        var frame = reader.Frame;
        if (!ClientFrames.TryReadEnvelope(frame, out var envelope, out var reason))
        {
            Error(connection, ErrorCodes.BadRequest, reason, null);
            return ValueTask.CompletedTask;
        }
        var payload = frame[envelope.PayloadStart..envelope.PayloadEnd];
        if (envelope.Type is not (ClientFrameType.Sync or ClientFrameType.Heartbeat or ClientFrameType.Auth or ClientFrameType.Unknown) && !connection.HasBegun)
        {
            Error(connection, ErrorCodes.BadRequest, "sync comes first.", envelope.RequestId);
            return ValueTask.CompletedTask;
        }
        switch (envelope.Type)
        {
            case ClientFrameType.ChatMessage:
                return ChatMessageAsync(connection, payload, envelope.RequestId, cancellationToken);
            case ClientFrameType.EditMessage:
            case ClientFrameType.DeleteMessage:
                return MessageChangeAsync(connection, payload, envelope.Type == ClientFrameType.DeleteMessage, envelope.RequestId, cancellationToken);
            case ClientFrameType.Heartbeat:
                if (!live.Heartbeat(connection, payload)) break;
                connection.Send(ServerFrames.Heartbeat(time.GetUtcNow().ToUnixTimeMilliseconds()));
                return ValueTask.CompletedTask;
            case ClientFrameType.Sync:
                if (ClientFrames.TryReadMember(payload, "cursor"u8, out var cursor)) return SyncAsync(connection, cursor, envelope.RequestId, cancellationToken);
                break;
            case ClientFrameType.Delivered:
                if (ClientFrames.TryReadMember(payload, "cursor"u8, out var acked) && InboxCursor.TryParse(acked, out var upTo))
                {
                    foreach (var delivered in connection.TakeDelivered(upTo)) receipts.Delivered(connection.UserId, delivered);
                    return ValueTask.CompletedTask;
                }
                break;
            case ClientFrameType.ReadReceipt:
                if (ClientFrames.TryReadMember(payload, "channelId"u8, out var channelId) && Channels.ChannelId.TryGetType(channelId, out _)
                    && ClientFrames.TryReadMember(payload, "lastReadMessageId"u8, out var id) && Ulid.TryParse(id, out var messageId))
                {
                    if (TryReadCursor(connection, payload, out var readCursor, out var wrong))
                        return ReadReceiptAsync(connection, channelId, messageId, readCursor, envelope.RequestId, cancellationToken);
                    Error(connection, ErrorCodes.BadRequest, wrong, envelope.RequestId);
                    return ValueTask.CompletedTask;
                }
                break;
            case ClientFrameType.PresenceSubscribe:
                if (live.Subscribe(connection, payload, envelope.RequestId) is { } why) Error(connection, ErrorCodes.BadRequest, why, envelope.RequestId);
                return ValueTask.CompletedTask;
            case ClientFrameType.Typing:
                if (live.Type(connection, payload, envelope.RequestId)) return ValueTask.CompletedTask;
                break;
            case ClientFrameType.Auth:
                if (ClientFrames.TryReadMember(payload, "token"u8, out var token)) return RenewAsync(connection, token, envelope.RequestId, cancellationToken);
                break;
            default:
                Error(connection, ErrorCodes.UnknownType, "This type of frame is not known.", envelope.RequestId);
                return ValueTask.CompletedTask;
        }
        Error(connection, ErrorCodes.BadRequest, "The payload can't be understood.", envelope.RequestId);
        return ValueTask.CompletedTask;
    }

    private ValueTask ChatMessageAsync(Connection connection, ReadOnlySpan<byte> payload, string? requestId, CancellationToken cancellationToken)
    {
        if (requestId is null)
        {
            Error(connection, ErrorCodes.BadRequest, "requestId is missing.", null);
            return ValueTask.CompletedTask;
        }
        if (ClientFrames.ReadChatMessage(payload, out var code, out var reason) is { } message) return sends.SendAsync(connection, message, requestId, cancellationToken);
        Error(connection, code, reason, requestId);
        return ValueTask.CompletedTask;
    }

    private ValueTask MessageChangeAsync(Connection connection, ReadOnlySpan<byte> payload, bool isDeletion, string? requestId, CancellationToken cancellationToken)
    {
        if (requestId is null)
        {
            Error(connection, ErrorCodes.BadRequest, "requestId is missing.", null);
            return ValueTask.CompletedTask;
        }
        if (ClientFrames.ReadMessageChange(payload, isDeletion, out var code, out var reason) is { } change) return sends.ChangeAsync(connection, change, requestId, cancellationToken);
        Error(connection, code, reason, requestId);
        return ValueTask.CompletedTask;
    }

    private async ValueTask SyncAsync(Connection connection, string? cursor, string? requestId, CancellationToken cancellationToken)
    {
        try
        {
            if (!await feed.BeginAsync(connection, cursor, cancellationToken)) Error(connection, ErrorCodes.BadRequest, "sync comes once.", requestId);
        }
        catch (StoreException e)
        {
            // Not left open: without a sync the socket would get nothing, and whatever its client sends would be refused.
            LogStoreFailed(e);
            Error(connection, ErrorCodes.Retry, "The inbox can't be read now.", requestId, retryAfter: 1_000);
            connection.Outbound.Close((int)WebSocketCloseStatus.InternalServerError, "the inbox can't be read now");
        }
    }

    /// <summary>
    /// How far into the inbox a read went, as its client says; null when it doesn't. What lies beyond what this socket was sent is refused, so that nothing counts as read
    /// before it could be seen. A cursor of an earlier epoch lies below everything and is taken as that.
    /// </summary>
    private static bool TryReadCursor(Connection connection, ReadOnlySpan<byte> payload, out InboxCursor? cursor, out string wrong)
    {
        cursor = null;
        wrong = "cursor is not one.";
        if (!ClientFrames.TryReadMember(payload, "cursor"u8, out var text)) return false;
        if (text is null) return true;
        if (!InboxCursor.TryParse(text, out var told)) return false;
        cursor = told;
        wrong = "cursor lies beyond what this socket was sent.";
        return told <= connection.Sent;
    }

    /// <summary>Takes a read pointer of a message that the user can have read. One answer for what isn't there and what isn't theirs.</summary>
    private async ValueTask ReadReceiptAsync(Connection connection, string channelId, Ulid messageId, InboxCursor? cursor, string? requestId, CancellationToken cancellationToken)
    {
        try
        {
            var knows = connection.FindSent(channelId, messageId).Knows;
            // A client that doesn't say how far it went, and has the message from this socket, has seen no more than that was sent.
            if (knows) cursor ??= connection.Sent;
            if (knows || await CanReadAsync(connection.UserId, channelId, messageId, cancellationToken))
                receipts.Read(connection.UserId, channelId, messageId, cursor);
            else
                Error(connection, ErrorCodes.NotMember, SendHandler.MessageOf(ErrorCodes.NotMember), requestId);
        }
        catch (StoreException e)
        {
            LogStoreFailed(e);
            Error(connection, ErrorCodes.Retry, "The receipt can't be taken now.", requestId, retryAfter: 1_000);
        }
    }

    private async ValueTask<bool> CanReadAsync(string userId, string channelId, Ulid messageId, CancellationToken cancellationToken) =>
        await store.FindChannelAsync(channelId, cancellationToken) is { } channel
        && channel.Members.Any(m => m.UserId == userId && m.Until is null)
        && await store.FindMessageAsync(channelId, messageId, cancellationToken) is not null;

    private async ValueTask RenewAsync(Connection connection, string? token, string? requestId, CancellationToken cancellationToken)
    {
        try
        {
            var result = await tokens.VerifyAsync(token);
            if (!result.IsValid || result.Token.UserId != connection.UserId || result.Token.DeviceId != connection.DeviceId
                || await accounts.FindDeviceAsync(connection.UserId, connection.DeviceId, cancellationToken) is null)
            {
                Error(connection, ErrorCodes.Unauthorized, "The token is not valid for this user and device.", requestId);
                return;
            }
            connection.ExpiresAt = result.Token.ExpiresAt.ToUnixTimeMilliseconds();
            connection.Send(ServerFrames.AuthOk(result.Token.ExpiresAt, requestId, time.GetUtcNow().ToUnixTimeMilliseconds()));
        }
        catch (StoreException e)
        {
            LogStoreFailed(e);
            Error(connection, ErrorCodes.Retry, "The token can't be checked now.", requestId, retryAfter: 1_000);
        }
    }

    private void Error(Connection connection, string code, string message, string? requestId, int retryAfter = 0) => sends.Error(connection, code, message, requestId, retryAfter);

    [LoggerMessage(451, LogLevel.Warning, "A socket's user could not be registered or unregistered: {Reason}")]
    private partial void LogStateFailed(string reason);

    [LoggerMessage(450, LogLevel.Warning, "The store failed under a socket.")]
    private partial void LogStoreFailed(Exception fault);
}
