using System.Buffers;
using System.Text.Json;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Connections;

internal enum ClientFrameType
{
    Unknown,
    ChatMessage,
    EditMessage,
    DeleteMessage,
    Sync,
    Delivered,
    ReadReceipt,
    Heartbeat,
    Auth,
    PresenceSubscribe,
    Typing,
}

/// <summary>A frame's envelope; the payload is the part of the frame between the two offsets.</summary>
internal readonly record struct Envelope(ClientFrameType Type, string? RequestId, int PayloadStart, int PayloadEnd);

/// <summary>A parsed <c>chat_message</c>.</summary>
internal sealed record ChatMessage(
    string ChannelId, ChannelType ChannelType, byte[] Content, string ContentType, Ulid? After, string? AfterRequest, Ulid? ReplyTo);

/// <summary>Reads client frames straight from their bytes; nothing is materialised but what is used.</summary>
internal static partial class ClientFrames
{
    private const int MaxChannelIdLength = 80;
    private const int MaxTokenLength = 4096;

    private static readonly JsonReaderOptions Options = new() { MaxDepth = ProtocolLimits.MaxJsonDepth };

    /// <summary>False with a reason for what is no frame.</summary>
    public static bool TryReadEnvelope(ReadOnlySpan<byte> frame, out Envelope envelope, out string reason)
    {
        envelope = default;
        reason = "";
        try
        {
            var reader = new Utf8JsonReader(frame, Options);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return Fail("A frame is a JSON object.", out reason);
            var type = ClientFrameType.Unknown;
            string? requestId = null;
            int start = 0, end = 0;
            var hasType = false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("type"u8))
                {
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.String) return Fail("type is a string.", out reason);
                    type = TypeOf(ref reader);
                    hasType = true;
                }
                else if (reader.ValueTextEquals("requestId"u8))
                {
                    reader.Read();
                    if (reader.TokenType == JsonTokenType.Null) continue;
                    if (!TryReadRequestId(ref reader, out requestId)) return Fail("requestId is 1 to 64 printable ASCII characters without spaces.", out reason);
                }
                else if (reader.ValueTextEquals("payload"u8))
                {
                    reader.Read();
                    if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.Null)) return Fail("payload is an object.", out reason);
                    start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    end = (int)reader.BytesConsumed;
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }
            if (reader.TokenType != JsonTokenType.EndObject || reader.Read()) return Fail("The frame doesn't end where its object ends.", out reason);
            if (!hasType) return Fail("type is missing.", out reason);
            envelope = new Envelope(type, requestId, start, end);
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The exception's text may quote the frame; the client gets the place only.
            return Fail(e is JsonException { BytePositionInLine: { } at } ? $"Not JSON, or nested deeper than {ProtocolLimits.MaxJsonDepth}, near byte {at}." : "Not JSON.", out reason);
        }
    }

    /// <summary>Reads the payload of <c>chat_message</c>; else the error's code and reason.</summary>
    public static ChatMessage? ReadChatMessage(ReadOnlySpan<byte> payload, out string code, out string reason)
    {
        string? channelId = null, contentType = null, afterRequest = null;
        byte[]? content = null;
        Ulid? after = null, replyTo = null;
        code = ErrorCodes.BadRequest;
        try
        {
            var reader = new Utf8JsonReader(payload, Options);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return Refuse("payload is missing.", out reason);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("channelId"u8))
                {
                    if (!TryReadChannelId(ref reader, out channelId)) return Refuse("channelId is not one.", out reason);
                }
                else if (reader.ValueTextEquals("content"u8))
                {
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.String) return Refuse("content is a string.", out reason);
                    content = ReadContent(ref reader);
                    if (content is null)
                    {
                        code = ErrorCodes.TooLarge;
                        return Refuse($"content is longer than {ProtocolLimits.MaxTextCodePoints} code points or {ProtocolLimits.MaxTextBytes} bytes.", out reason);
                    }
                }
                else if (reader.ValueTextEquals("contentType"u8))
                {
                    if (!TryReadText(ref reader, 32, out contentType) || contentType != "text") return Refuse("contentType is \"text\".", out reason);
                }
                else if (reader.ValueTextEquals("after"u8))
                {
                    if (!TryReadUlid(ref reader, out after)) return Refuse("after is not a message id.", out reason);
                }
                else if (reader.ValueTextEquals("replyTo"u8))
                {
                    if (!TryReadUlid(ref reader, out replyTo)) return Refuse("replyTo is not a message id.", out reason);
                }
                else if (reader.ValueTextEquals("afterRequest"u8))
                {
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.Null && !TryReadRequestId(ref reader, out afterRequest)) return Refuse("afterRequest is not a requestId.", out reason);
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Refuse("payload has a text that isn't Unicode.", out reason);
        }
        if (!ChannelId.TryGetType(channelId, out var type)) return Refuse("channelId is not one.", out reason);
        if (content is null || content.Length == 0) return Refuse("content is missing.", out reason);
        reason = "";
        return new ChatMessage(channelId, type, content, contentType ?? "text", after, afterRequest, replyTo);
    }

    /// <summary>Reads one text member of a payload; null when it is missing or null. False when it is no text or too long.</summary>
    public static bool TryReadMember(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> name, out string? value)
    {
        value = null;
        if (payload.IsEmpty) return true;
        try
        {
            var reader = new Utf8JsonReader(payload, Options);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return reader.TokenType == JsonTokenType.Null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals(name))
                {
                    if (!TryReadText(ref reader, MaxTokenLength, out value)) return false;
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Printable ASCII without spaces, 1 to 64 characters.</summary>
    public static bool IsRequestId(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= ProtocolLimits.MaxRequestIdLength && !text.ContainsAnyExceptInRange('!', '~');

    private static ClientFrameType TypeOf(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("chat_message"u8) ? ClientFrameType.ChatMessage
        : reader.ValueTextEquals("delivered"u8) ? ClientFrameType.Delivered
        : reader.ValueTextEquals("heartbeat"u8) ? ClientFrameType.Heartbeat
        : reader.ValueTextEquals("read_receipt"u8) ? ClientFrameType.ReadReceipt
        : reader.ValueTextEquals("sync"u8) ? ClientFrameType.Sync
        : reader.ValueTextEquals("typing"u8) ? ClientFrameType.Typing
        : reader.ValueTextEquals("presence_subscribe"u8) ? ClientFrameType.PresenceSubscribe
        : reader.ValueTextEquals("edit_message"u8) ? ClientFrameType.EditMessage
        : reader.ValueTextEquals("delete_message"u8) ? ClientFrameType.DeleteMessage
        : reader.ValueTextEquals("auth"u8) ? ClientFrameType.Auth
        : ClientFrameType.Unknown;

    private static bool TryReadRequestId(ref Utf8JsonReader reader, out string? requestId)
    {
        requestId = null;
        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > ProtocolLimits.MaxRequestIdLength * 6) return false;
        var text = reader.GetString();
        if (!IsRequestId(text)) return false;
        requestId = text;
        return true;
    }

    private static bool TryReadText(ref Utf8JsonReader reader, int max, out string? text)
    {
        text = null;
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null) return true;
        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > max) return false;
        text = reader.GetString();
        return true;
    }

    /// <summary>One string for all messages of a channel.</summary>
    private static bool TryReadChannelId(ref Utf8JsonReader reader, out string? channelId)
    {
        channelId = null;
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null) return true;
        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > MaxChannelIdLength) return false;
        Span<byte> utf8 = stackalloc byte[MaxChannelIdLength];
        channelId = KnownTexts.Get(utf8[..reader.CopyString(utf8)]);
        return true;
    }

    private static bool TryReadUlid(ref Utf8JsonReader reader, out Ulid? id)
    {
        id = null;
        if (!TryReadText(ref reader, 26, out var text)) return false;
        if (text is null) return true;
        if (!Ulid.TryParse(text, out var parsed)) return false;
        id = parsed;
        return true;
    }

    /// <summary>The content unescaped, as UTF-8; null when it is too long.</summary>
    private static byte[]? ReadContent(ref Utf8JsonReader reader)
    {
        var raw = reader.ValueSpan;
        if (!reader.ValueIsEscaped) return Fits(raw) ? raw.ToArray() : null;
        var rented = ArrayPool<byte>.Shared.Rent(raw.Length);
        try
        {
            var text = rented.AsSpan(0, reader.CopyString(rented));
            return Fits(text) ? text.ToArray() : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static bool Fits(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length <= ProtocolLimits.MaxTextCodePoints) return true;
        if (utf8.Length > ProtocolLimits.MaxTextBytes) return false;
        var points = 0;
        foreach (var b in utf8)
        {
            if ((b & 0xC0) != 0x80) points++;
        }
        return points <= ProtocolLimits.MaxTextCodePoints;
    }

    private static bool Fail(string text, out string reason)
    {
        reason = text;
        return false;
    }

    private static ChatMessage? Refuse(string text, out string reason)
    {
        reason = text;
        return null;
    }
}
