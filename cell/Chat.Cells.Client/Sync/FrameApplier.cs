using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Chat.Cells.Client.Connections;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Messaging;
using Chat.Cells.Client.Presence;
using Chat.Cells.Client.Timelines;
using Chat.Cells.Client.Unread;
using Chat.Cells.Client.Wire;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client.Sync;

/// <summary>Takes the server's frames in: the timelines, the outbox, the cursor, and the events for the application.</summary>
/// <param name="raise">Tells the application; when it throws, the event counts as not taken in.</param>
internal sealed class FrameApplier(
    DeviceState state, Outbox outbox, Progress progress, ReadPointers reads, UnreadCounts unread, LiveState live, Func<ChatEvent, CancellationToken, ValueTask> raise)
{
    private const long MaxUnixMilliseconds = 253_402_300_799_999;
    private static readonly TimeSpan DefaultRetryAfter = TimeSpan.FromSeconds(1);

    /// <summary>Called for <c>sync_reset</c>.</summary>
    public required Action Reload { get; init; }

    /// <summary>Called when the last batch is in.</summary>
    public required Action InSync { get; init; }

    /// <exception cref="ProtocolViolationException">Not a frame of this protocol. To go on would be to miss what it said; a new connection reads it from the inbox.</exception>
    public async ValueTask ApplyAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        InboundEnvelope envelope;
        try
        {
            envelope = JsonSerializer.Deserialize(frame.Span, FrameJson.Default.InboundEnvelope) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new ProtocolViolationException($"The server sent a frame that is not JSON: {e.Message}");
        }
        switch (envelope.Type)
        {
            case FrameTypes.MessageAck:
                var ack = Payload(envelope.Payload, FrameJson.Default.MessageAckIn);
                var acked = Required(envelope.RequestId);
                if (outbox.Changes.Take(acked) is { } change) await AcceptAsync(change, ack.EventId, cancellationToken);
                else await AcceptAsync(acked, MessageIdOf(ack.MessageId), null, cancellationToken);
                break;
            case FrameTypes.Error:
                await RefuseAsync(envelope.RequestId, Payload(envelope.Payload, FrameJson.Default.ErrorIn), cancellationToken);
                break;
            case FrameTypes.SyncBatch:
                var batch = Payload(envelope.Payload, FrameJson.Default.SyncBatchIn);
                foreach (var item in batch.Events ?? []) await ApplyEventAsync(item.Type, item.Payload, requestId: null, cancellationToken);
                // Even an empty batch has a cursor; an inbox that is empty may have none.
                if (batch.Cursor is not null) progress.Advance(batch.Cursor);
                if (batch.More) break;
                InSync();
                await raise(new ConnectionChanged(ConnectionState.Live, null, null), cancellationToken);
                await raise(new Synced(Reset: false), cancellationToken);
                break;
            case FrameTypes.SyncReset:
                var resetTo = Required(Payload(envelope.Payload, FrameJson.Default.SyncResetIn).Cursor);
                progress.BeginReload(resetTo);
                reads.Reset(resetTo);
                Reload();
                break;
            default:
                await ApplyEventAsync(envelope.Type, envelope.Payload, envelope.RequestId, cancellationToken);
                break;
        }
    }

    private static T Payload<T>(JsonElement payload, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return (payload.ValueKind == JsonValueKind.Object ? payload.Deserialize(type) : null) ?? throw new ProtocolViolationException("The server sent a frame without a payload.");
        }
        catch (JsonException e)
        {
            throw new ProtocolViolationException($"The server sent a payload that can't be understood: {e.Message}");
        }
    }

    private static string Required(string? value) => value ?? throw new ProtocolViolationException("The server sent a frame that lacks a field.");

    private static string MessageIdOf(string? value) =>
        value is { Length: 26 } ? value : throw new ProtocolViolationException("The server sent a message id that is none.");

    private async ValueTask ApplyEventAsync(string? type, JsonElement payload, string? requestId, CancellationToken cancellationToken)
    {
        string? cursor = null;
        switch (type)
        {
            case FrameTypes.NewMessage:
                var message = Payload(payload, FrameJson.Default.NewMessageIn);
                cursor = message.Cursor;
                progress.Show(cursor); // an application that marks it as read while it is told of it has read this far
                await ReceiveAsync(message, message.RequestId ?? requestId, cancellationToken);
                break;
            case FrameTypes.MessageChanged:
                var edited = Payload(payload, FrameJson.Default.MessageChangedIn);
                cursor = edited.Cursor;
                progress.Show(cursor);
                await ChangeMessageAsync(edited, edited.RequestId ?? requestId, cancellationToken);
                break;
            case FrameTypes.ChannelChanged:
                var changed = Payload(payload, FrameJson.Default.ChannelChangedIn);
                cursor = changed.Cursor;
                await ChangeChannelAsync(changed, cancellationToken);
                break;
            case FrameTypes.Read:
                var read = Payload(payload, FrameJson.Default.ReadIn);
                cursor = read.Cursor;
                var upTo = Required(read.ReadUpTo);
                reads.Confirm(Required(read.ChannelId), upTo, read.ReadCursor);
                await raise(new ReadElsewhere(read.ChannelId!, upTo), cancellationToken);
                break;
            case FrameTypes.Receipt:
                var receipt = Payload(payload, FrameJson.Default.ReceiptIn);
                await raise(new ReceiptReceived(Required(receipt.ChannelId), Required(receipt.UserId), receipt.DeliveredUpTo, receipt.ReadUpTo), cancellationToken);
                break;
            case FrameTypes.Unread:
                var changes = unread.Apply(Payload(payload, FrameJson.Default.UnreadIn));
                if (changes.Count > 0) await raise(new UnreadChanged(changes), cancellationToken);
                break;
            case FrameTypes.Presence:
                if (PresenceOf(Payload(payload, FrameJson.Default.PresenceIn)) is { } presence && live.Presence.Take(presence)) await raise(new PresenceChanged(presence), cancellationToken);
                break;
            case FrameTypes.Typing:
                var typing = Payload(payload, FrameJson.Default.TypingIn);
                if (live.Typing.Take(Required(typing.ChannelId), Required(typing.UserId), typing.Typing) is { } typed) await raise(typed, cancellationToken);
                break;
            default:
                return; // heartbeat, auth_ok, and what later servers may say.
        }
        if (cursor is not null) progress.Advance(cursor);
    }

    private async ValueTask ReceiveAsync(NewMessageIn payload, string? requestId, CancellationToken cancellationToken)
    {
        var message = new ChatMessage(
            Required(payload.ChannelId),
            MessageIdOf(payload.MessageId),
            Required(payload.Sender),
            payload.ContentType ?? "text",
            payload.Content ?? "",
            payload.ReplyTo,
            payload.ChannelVersion,
            requestId);
        // The user's own message in the inbox is as good as its ack, which may have been lost.
        if (requestId is not null && message.Sender == state.UserId && await AcceptAsync(requestId, message.MessageId, message.Content, cancellationToken)) return;
        await InsertAsync(message, live: true, cancellationToken);
        if (live.Typing.Take(message.ChannelId, message.Sender, isTyping: false) is { } stopped) await raise(stopped, cancellationToken);
    }

    /// <summary>Null for a status that only later clients know.</summary>
    private static UserPresence? PresenceOf(PresenceIn payload)
    {
        PresenceStatus? status = payload.Status switch
        {
            "online" => PresenceStatus.Online,
            "away" => PresenceStatus.Away,
            "offline" => PresenceStatus.Offline,
            _ => null,
        };
        DateTimeOffset? at = payload.LastActiveAt is >= 0 and <= MaxUnixMilliseconds and var ms ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : null;
        return status is null ? null : new UserPresence(Required(payload.UserId), status.Value, at, [.. (payload.Devices ?? []).OfType<string>()]);
    }

    private async ValueTask<bool> AcceptAsync(string requestId, string messageId, string? content, CancellationToken cancellationToken)
    {
        if (outbox.Accept(requestId, messageId, content) is not { } send) return false;
        var message = new ChatMessage(send.ChannelId, messageId, state.UserId, send.ContentType, send.Content, send.ReplyTo, 0, requestId);
        var inserted = state.Timeline(send.ChannelId).Add(message);
        try
        {
            await raise(new SendAccepted(inserted ?? message, requestId, New: inserted is not null), cancellationToken);
        }
        finally
        {
            send.Complete(new SendOutcome(requestId, messageId, null, null));
        }
        return true;
    }

    private async ValueTask RefuseAsync(string? requestId, ErrorIn error, CancellationToken cancellationToken)
    {
        var code = Required(error.Code);
        if (requestId is null)
        {
            if (code == ErrorCodes.Moved && error.Home is not null) await raise(new Moved(error.Home), cancellationToken);
            await raise(new ServerComplained(code, error.Message), cancellationToken);
            return;
        }
        TimeSpan? retryAfter = error.RetryAfter is { } ms ? TimeSpan.FromMilliseconds(Math.Clamp(ms, 0, 60_000)) : null;
        if (live.Presence.IsOurs(requestId))
        {
            if (!live.Presence.Refuse(code, error.Message, retryAfter ?? DefaultRetryAfter)) await raise(new ServerComplained(code, error.Message), cancellationToken);
            return;
        }
        if (outbox.Changes.Has(requestId))
        {
            if (Outbox.IsFinal(code, retryAfter)) await RefuseAsync(requestId, code, error.Message, cancellationToken);
            else outbox.Changes.Postpone(requestId, retryAfter);
            return;
        }
        if (outbox.Refuse(requestId, code, retryAfter) is not { } send) return;
        var outcome = new SendOutcome(requestId, null, code, error.Message);
        try
        {
            await raise(new SendRefused(outcome, send.ChannelId), cancellationToken);
        }
        finally
        {
            send.Complete(outcome);
        }
    }

    private async ValueTask AcceptAsync(PendingChange change, string? eventId, CancellationToken cancellationToken)
    {
        try
        {
            // Without an id its place among other changes isn't known; the inbox tells it.
            if (eventId is not null) await ChangeAsync(change.ChannelId, new MessageChange(change.MessageId, eventId, "text", change.Content ?? "", change.Content is null), state.UserId, cancellationToken);
        }
        finally
        {
            change.Complete(new ChangeOutcome(change.RequestId, change.MessageId, eventId, null, null));
        }
    }

    private async ValueTask RefuseAsync(string requestId, string code, string? message, CancellationToken cancellationToken)
    {
        if (outbox.Changes.Take(requestId) is not { } change) return;
        var outcome = new ChangeOutcome(requestId, change.MessageId, null, code, message);
        try
        {
            await raise(new ChangeRefused(outcome, change.ChannelId), cancellationToken);
        }
        finally
        {
            change.Complete(outcome);
        }
    }

    private async ValueTask ChangeMessageAsync(MessageChangedIn payload, string? requestId, CancellationToken cancellationToken)
    {
        var change = new MessageChange(MessageIdOf(payload.MessageId), MessageIdOf(payload.EventId), payload.ContentType ?? "text", payload.Content ?? "", payload.Deleted);
        var by = Required(payload.By);
        // The user's own change in the inbox is as good as its ack, which may have been lost.
        var own = requestId is not null && by == state.UserId ? outbox.Changes.Take(requestId) : null;
        try
        {
            await ChangeAsync(Required(payload.ChannelId), change, by, cancellationToken);
        }
        finally
        {
            own?.Complete(new ChangeOutcome(own.RequestId, own.MessageId, change.EventId, null, null));
        }
    }

    private async ValueTask ChangeAsync(string channelId, MessageChange change, string? by, CancellationToken cancellationToken)
    {
        var timeline = state.Timeline(channelId);
        if (timeline.Change(change) is not { } changed) return;
        try
        {
            await raise(new MessageChanged(changed.After, by), cancellationToken);
        }
        catch
        {
            timeline.Restore(changed.Before); // Not taken in: it must come again.
            throw;
        }
    }

    /// <summary>A message that came in, or from history.</summary>
    public async ValueTask InsertAsync(ChatMessage message, bool live, CancellationToken cancellationToken)
    {
        var timeline = state.Timeline(message.ChannelId);
        if (timeline.Add(message) is not { } inserted)
        {
            if (MessageChange.Of(message) is { } change) await ChangeAsync(message.ChannelId, change, null, cancellationToken);
            return;
        }
        if (live && message.Sender != state.UserId) reads.Arrived(message.ChannelId, message.MessageId);
        try
        {
            await raise(new MessageReceived(inserted, live), cancellationToken);
        }
        catch
        {
            timeline.Forget(message.MessageId); // Not taken in: it must come again.
            throw;
        }
    }

    private async ValueTask ChangeChannelAsync(ChannelChangedIn payload, CancellationToken cancellationToken)
    {
        var channel = new ChatChannel(
            Required(payload.ChannelId),
            payload.Type ?? "group",
            payload.Name,
            payload.Home ?? "",
            payload.Version,
            (payload.Members ?? []).Select(m => new ChatMember(m.UserId ?? "", m.Role ?? "member")).ToArray());
        if (state.FindChannel(channel.ChannelId) is { } known && known.Version >= channel.Version) return;
        await raise(new ChannelUpdated(channel, payload.Removed), cancellationToken);
        if (payload.Removed) state.Remove(channel.ChannelId);
        else state.Update(channel);
    }
}
