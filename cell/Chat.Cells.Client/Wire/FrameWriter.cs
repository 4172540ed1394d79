using System.Text.Json;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client.Wire;

/// <summary>Makes the frames a client sends.</summary>
internal sealed class FrameWriter(TimeProvider time)
{
    public byte[] ChatMessage(string requestId, ChatMessageOut payload) =>
        JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.ChatMessage, payload, Now(), requestId), FrameJson.Default.EnvelopeChatMessageOut);

    public byte[] Sync(string? cursor) => JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Sync, new SyncOut(cursor), Now()), FrameJson.Default.EnvelopeSyncOut);

    public byte[] Delivered(string cursor) =>
        JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Delivered, new DeliveredOut(cursor), Now()), FrameJson.Default.EnvelopeDeliveredOut);

    public byte[] ReadReceipt(string channelId, string messageId) =>
        JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.ReadReceipt, new ReadReceiptOut(channelId, messageId), Now()), FrameJson.Default.EnvelopeReadReceiptOut);

    public byte[] Auth(string token) => JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Auth, new AuthOut(token), Now()), FrameJson.Default.EnvelopeAuthOut);

    public byte[] Heartbeat() => JsonSerializer.SerializeToUtf8Bytes(new(FrameTypes.Heartbeat, new Nothing(), Now()), FrameJson.Default.EnvelopeNothing);

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
