using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Limits;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Connections;

/// <summary>Takes messages and changes of messages: checks, limits, appends for the judge. It never acks by itself; the ack is the judge's verdict.</summary>
internal sealed partial class SendHandler(
    CellOptions options,
    RateLimits limits,
    IMessageStore store,
    ChannelLog channels,
    PendingRequests pending,
    TimeProvider time,
    ILogger<SendHandler> logger)
{
    private const int RetryAfter = 1_000;

    /// <summary>
    /// Handles one <c>chat_message</c>. Called for one socket's messages one after the other: when it returns, the append has been handed to the log, in order, or an error has been sent.
    /// </summary>
    public async ValueTask SendAsync(Connection connection, ChatMessage message, string requestId, CancellationToken cancellationToken)
    {
        if (!await TryBeginAsync(connection, requestId, cancellationToken)) return;
        var (after, version) = await VerifyAsync(connection, message, cancellationToken);
        var record = new SendRecord(
            message.ChannelId,
            new RequestOrigin(options.ServerId, connection.UserId, connection.DeviceId, requestId),
            message.ContentType,
            message.Content,
            message.ReplyTo,
            after,
            message.AfterRequest,
            version);
        var started = time.GetTimestamp();
        var wait = pending.Add(connection.UserId, connection.DeviceId, message.ChannelId, requestId, options.VerdictTimeout, verdict => Answer(connection, message.ChannelId, requestId, verdict, started));
        _ = AppendAsync(connection, message.ChannelType, record, wait);
    }

    public void Error(Connection connection, string code, string message, string? requestId, int retryAfter = 0)
    {
        GatewayMetrics.Errors.Add(1, GatewayMetrics.Code(code));
        connection.Send(ServerFrames.Error(code, message, requestId, time.GetUtcNow().ToUnixTimeMilliseconds(), retryAfter));
    }

    /// <summary>
    /// Handles one <c>edit_message</c> or <c>delete_message</c>; it counts against the same limits as a message, and keeps its place among the socket's messages.
    /// </summary>
    public async ValueTask ChangeAsync(Connection connection, MessageChangeRequest change, string requestId, CancellationToken cancellationToken)
    {
        if (!await TryBeginAsync(connection, requestId, cancellationToken)) return;
        var record = new ChangeRecord(
            change.ChannelId,
            new RequestOrigin(options.ServerId, connection.UserId, connection.DeviceId, requestId),
            change.MessageId,
            change.IsDeletion,
            change.ContentType,
            change.Content,
            connection.FindSent(change.ChannelId, null).Version);
        var started = time.GetTimestamp();
        var wait = pending.Add(connection.UserId, connection.DeviceId, change.ChannelId, requestId, options.VerdictTimeout, verdict => Answer(connection, change.ChannelId, requestId, verdict, started));
        _ = AppendAsync(connection, change.ChannelType, record, wait);
    }

    /// <summary>Takes a token and a place among those that wait for their ack; when there is none the client has been told.</summary>
    private async ValueTask<bool> TryBeginAsync(Connection connection, string requestId, CancellationToken cancellationToken)
    {
        if (options.MessagesPerMinute > 0)
        {
            var delay = await limits.TakeAsync("send:" + connection.UserId, options.MessagesPerMinute, options.MessagesPerMinute / 60.0, cancellationToken);
            if (delay > TimeSpan.Zero)
            {
                Error(connection, ErrorCodes.RateLimited, "Too many messages.", requestId, (int)Math.Ceiling(delay.TotalMilliseconds));
                return false;
            }
        }
        if (connection.TryBeginPending()) return true;
        Error(connection, ErrorCodes.Busy, "Too many messages wait for their ack.", requestId, RetryAfter);
        return false;
    }

    /// <summary>Keeps <c>after</c> only when the message exists: this socket was sent it or a later one of the channel, or the store has it.</summary>
    private async ValueTask<(Ulid? After, int Version)> VerifyAsync(Connection connection, ChatMessage message, CancellationToken cancellationToken)
    {
        var (knows, version) = connection.FindSent(message.ChannelId, message.After);
        if (message.After is not { } after || knows) return (message.After, version);
        try
        {
            return (await store.FindMessageAsync(message.ChannelId, after, cancellationToken) is null ? null : after, version);
        }
        catch (StoreException e)
        {
            LogUnverified(e, connection.UserId);
            return (null, version); // without it the judge's order is the log's: never wrong, at worst not the reply's
        }
    }

    private async Task AppendAsync(Connection connection, ChannelType type, ChannelRecord record, PendingRequests.Wait wait)
    {
        try
        {
            await channels.AppendAsync(record, type, CancellationToken.None);
        }
        catch (LogFullException e)
        {
            LogNotAppended(e, connection.UserId);
            Refuse(connection, wait, ErrorCodes.Busy, "There is no room now.");
        }
        catch (LogException e)
        {
            LogNotAppended(e, connection.UserId);
            Refuse(connection, wait, ErrorCodes.Retry, "It isn't known whether the message was taken.");
        }
    }

    private void Refuse(Connection connection, PendingRequests.Wait wait, string code, string message)
    {
        if (!pending.Drop(wait)) return;
        Error(connection, code, message, wait.Key.RequestId, RetryAfter);
        connection.EndPending();
    }

    private void Answer(Connection connection, string channelId, string requestId, Verdict? verdict, long started)
    {
        connection.EndPending();
        switch (verdict)
        {
            case null:
                Error(connection, ErrorCodes.Retry, "The message was not judged in time.", requestId, RetryAfter);
                break;
            case { ErrorCode: { } code }:
                Error(connection, code, MessageOf(code), requestId, verdict.RetryAfter);
                break;
            case { MessageId: { } changed, EventId: { } eventId }:
                GatewayMetrics.ChangeAcks.Add(1);
                GatewayMetrics.AckLatency.Record(time.GetElapsedTime(started).TotalSeconds);
                connection.Send(ServerFrames.Ack(requestId, channelId, changed, time.GetUtcNow().ToUnixTimeMilliseconds(), eventId));
                break;
            case { MessageId: { } messageId }:
                connection.Acked(channelId, messageId);
                GatewayMetrics.Acks.Add(1);
                GatewayMetrics.AckLatency.Record(time.GetElapsedTime(started).TotalSeconds);
                connection.Send(ServerFrames.Ack(requestId, channelId, messageId, time.GetUtcNow().ToUnixTimeMilliseconds()));
                break;
        }
    }

    internal static string MessageOf(string code) => code switch
    {
        ErrorCodes.NotMember => "Not a member of this channel.",
        ErrorCodes.Conflict => "The requestId was used with other content.",
        ErrorCodes.Retry => "Send it again.",
        ErrorCodes.ChannelFull => "The channel has no room for more members.",
        ErrorCodes.Forbidden => "Not allowed.",
        ErrorCodes.NotFound => "There is no such member.",
        ErrorCodes.UnknownMessage => "There is no such message in this channel.",
        ErrorCodes.Deleted => "The message is deleted.",
        _ => "Refused.",
    };

    [LoggerMessage(400, LogLevel.Warning, "A message of {UserId} could not be appended; the client was told to send it again.")]
    private partial void LogNotAppended(Exception fault, string userId);

    [LoggerMessage(401, LogLevel.Warning, "What {UserId} says to have seen could not be verified.")]
    private partial void LogUnverified(Exception fault, string userId);
}
