using System.Text.Json;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Connections;

/// <summary>Writes the small server frames.</summary>
internal static class ServerFrames
{
    /// <param name="eventId">Of a change of the message.</param>
    public static byte[] Ack(string requestId, string channelId, Ulid messageId, long now, Ulid? eventId = null) =>
        Write(FrameTypes.MessageAck, requestId, now, (channelId, messageId, eventId), static (w, s) =>
        {
            w.WriteId("messageId"u8, s.messageId);
            w.WriteString("channelId"u8, s.channelId);
            w.WriteString("status"u8, "accepted"u8);
            if (s.eventId is { } change) w.WriteId("eventId"u8, change);
        });

    public static byte[] Error(string code, string message, string? requestId, long now, int retryAfter = 0, string? home = null) =>
        Write(FrameTypes.Error, requestId, now, (code, message, retryAfter, home), static (w, s) =>
        {
            w.WriteString("code"u8, s.code);
            w.WriteString("message"u8, s.message);
            if (s.retryAfter > 0) w.WriteNumber("retryAfter"u8, s.retryAfter);
            if (s.home is not null) w.WriteString("home"u8, s.home);
        });

    public static byte[] Heartbeat(long now) => Write(FrameTypes.Heartbeat, null, now, 0, static (_, _) => { });

    public static byte[] AuthOk(DateTimeOffset expiresAt, string? requestId, long now) =>
        Write(FrameTypes.AuthOk, requestId, now, expiresAt, static (w, s) => w.WriteNumber("expiresAt"u8, s.ToUnixTimeMilliseconds()));

    public static byte[] SyncReset(string cursor, long now) => Write(FrameTypes.SyncReset, null, now, cursor, static (w, s) => w.WriteString("cursor"u8, s));

    public static byte[] Receipt(string channelId, string userId, Ulid? deliveredUpTo, Ulid? readUpTo, long now) =>
        Write(FrameTypes.Receipt, null, now, (channelId, userId, deliveredUpTo, readUpTo), static (w, s) =>
        {
            w.WriteString("channelId"u8, s.channelId);
            w.WriteString("userId"u8, s.userId);
            if (s.deliveredUpTo is { } delivered) w.WriteId("deliveredUpTo"u8, delivered);
            if (s.readUpTo is { } read) w.WriteId("readUpTo"u8, read);
        });

    internal static byte[] Write<TState>(string type, string? requestId, long now, TState state, Action<Utf8JsonWriter, TState> payload)
    {
        using var scratch = Scratch.Take();
        var writer = scratch.BeginJson();
        writer.WriteStartObject();
        writer.WriteString("type"u8, type);
        writer.WriteStartObject("payload"u8);
        payload(writer, state);
        writer.WriteEndObject();
        writer.WriteNumber("timestamp"u8, now);
        if (requestId is not null) writer.WriteString("requestId"u8, requestId);
        writer.WriteEndObject();
        writer.Flush();
        return scratch.ToArray();
    }
}
