using System.Text.Json;
using Chat.Cells.Client.Messaging;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client.Wire;

/// <summary>Makes the frames a client sends.</summary>
internal sealed class FrameWriter(TimeProvider time)
{
    public byte[] ChatMessage(string requestId, ChatMessageOut payload) =>
        JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.ChatMessage, payload, Now(), requestId), FrameJson.Default.EnvelopeChatMessageOut);

    public byte[] Change(PendingChange change) => change.Content is { } content
        ? JsonSerializer.SerializeToUtf8Bytes(
            new(FrameTypes.EditMessage, new EditMessageOut(change.ChannelId, change.MessageId, content, "text"), Now(), change.RequestId),
            FrameJson.Default.EnvelopeEditMessageOut)
        : JsonSerializer.SerializeToUtf8Bytes(
            new(FrameTypes.DeleteMessage, new DeleteMessageOut(change.ChannelId, change.MessageId), Now(), change.RequestId),
            FrameJson.Default.EnvelopeDeleteMessageOut);

    public byte[] Sync(string? cursor) => JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Sync, new SyncOut(cursor), Now()), FrameJson.Default.EnvelopeSyncOut);

    public byte[] Delivered(string cursor) =>
        JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Delivered, new DeliveredOut(cursor), Now()), FrameJson.Default.EnvelopeDeliveredOut);

    public byte[] ReadReceipt(string channelId, string messageId, string? cursor) =>
        JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.ReadReceipt, new ReadReceiptOut(channelId, messageId, cursor), Now()), FrameJson.Default.EnvelopeReadReceiptOut);

    public byte[] Auth(string token) => JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Auth, new AuthOut(token), Now()), FrameJson.Default.EnvelopeAuthOut);

    public byte[] Heartbeat(bool isAway) => isAway
        ? JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Heartbeat, new HeartbeatOut("away"), Now()), FrameJson.Default.EnvelopeHeartbeatOut)
        : JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Heartbeat, new Nothing(), Now()), FrameJson.Default.EnvelopeNothing);

    public byte[] PresenceSubscribe(string requestId, IReadOnlyList<string> userIds) =>
        JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.PresenceSubscribe, new PresenceSubscribeOut(userIds), Now(), requestId), FrameJson.Default.EnvelopePresenceSubscribeOut);

    public byte[] Typing(string channelId, bool isTyping) =>
        JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Typing, new TypingOut(channelId, isTyping), Now()), FrameJson.Default.EnvelopeTypingOut);

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
