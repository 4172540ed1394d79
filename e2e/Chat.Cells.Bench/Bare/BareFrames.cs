using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Chat.Cells.Bench.Bare;

/// <summary>The cell's frames without what makes them true: parsed and written in the same form and size.</summary>
internal static class BareFrames
{
    private static readonly JsonWriterOptions Options = new() { SkipValidation = true };

    public static void Handle(ReadOnlySpan<byte> frame, BareMember from, BareRoom room)
    {
        string? type = null, requestId = null, content = null;
        var reader = new Utf8JsonReader(frame);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            if (reader.ValueTextEquals("type"u8)) type = Text(ref reader);
            else if (reader.ValueTextEquals("requestId"u8)) requestId = Text(ref reader);
            else if (reader.ValueTextEquals("content"u8)) content = Text(ref reader);
        }
        switch (type)
        {
            case "chat_message" when requestId is not null && content is not null:
                var id = room.NextMessage().ToString("d26", CultureInfo.InvariantCulture);
                var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
                from.Send(Ack(id, room.Name, requestId, now));
                room.Send(Message(id, room.Name, content, now));
                break;
            case "sync":
                from.Send("{\"type\":\"sync_reset\",\"payload\":{\"cursor\":\"1.0.0\"}}"u8.ToArray());
                break;
            case "heartbeat":
                from.Send("{\"type\":\"heartbeat\",\"payload\":{},\"timestamp\":1795341642000}"u8.ToArray());
                break;
        }
    }

    private static string? Text(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
    }

    private static byte[] Ack(string id, string room, string requestId, long now) => Write("message_ack", now, requestId, json =>
    {
        json.WriteString("messageId"u8, id);
        json.WriteString("channelId"u8, room);
        json.WriteString("status"u8, "accepted"u8);
    });

    private static byte[] Message(string id, string room, string content, long now) => Write("new_message", now, null, json =>
    {
        json.WriteString("channelId"u8, room);
        json.WriteString("messageId"u8, id);
        json.WriteString("sender"u8, "bench-1.01KAP7Z5X9Q3T0000000000000"u8);
        json.WriteString("contentType"u8, "text"u8);
        json.WriteString("content"u8, content);
        json.WriteNumber("channelVersion"u8, 1);
        json.WriteString("cursor"u8, id);
    });

    private static byte[] Write(string type, long now, string? requestId, Action<Utf8JsonWriter> payload)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(buffer, Options);
        json.WriteStartObject();
        json.WriteString("type"u8, type);
        json.WriteStartObject("payload"u8);
        payload(json);
        json.WriteEndObject();
        json.WriteNumber("timestamp"u8, now);
        if (requestId is not null) json.WriteString("requestId"u8, requestId);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }
}
