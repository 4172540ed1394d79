using System.Text.Json;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Connections;

/// <summary>A parsed <c>edit_message</c> or <c>delete_message</c>.</summary>
/// <param name="Content">Empty for a deletion.</param>
/// <param name="ContentType">Empty for a deletion.</param>
internal sealed record MessageChangeRequest(string ChannelId, ChannelType ChannelType, Ulid MessageId, bool IsDeletion, byte[] Content, string ContentType);

/// <summary>Edits and deletions: limits and codes of their content are those of <c>chat_message</c>.</summary>
internal static partial class ClientFrames
{
    /// <summary>Reads the payload of <c>edit_message</c>, or of <c>delete_message</c>, whose content isn't looked at; else the error's code and reason.</summary>
    public static MessageChangeRequest? ReadMessageChange(ReadOnlySpan<byte> payload, bool isDeletion, out string code, out string reason)
    {
        string? channelId = null, contentType = null;
        byte[]? content = null;
        Ulid? messageId = null;
        code = ErrorCodes.BadRequest;
        reason = "";
        try
        {
            var reader = new Utf8JsonReader(payload, Options);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return RefuseChange("payload is missing.", out reason);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("channelId"u8))
                {
                    if (!TryReadChannelId(ref reader, out channelId)) return RefuseChange("channelId is not one.", out reason);
                }
                else if (reader.ValueTextEquals("messageId"u8))
                {
                    if (!TryReadUlid(ref reader, out messageId)) return RefuseChange("messageId is not one.", out reason);
                }
                else if (!isDeletion && reader.ValueTextEquals("content"u8))
                {
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.String) return RefuseChange("content is a string.", out reason);
                    content = ReadContent(ref reader);
                    if (content is null)
                    {
                        code = ErrorCodes.TooLarge;
                        return RefuseChange($"content is longer than {ProtocolLimits.MaxTextCodePoints} code points or {ProtocolLimits.MaxTextBytes} bytes.", out reason);
                    }
                }
                else if (!isDeletion && reader.ValueTextEquals("contentType"u8))
                {
                    if (!TryReadText(ref reader, 32, out contentType) || contentType is not (null or "text")) return RefuseChange("contentType is \"text\".", out reason);
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
            return RefuseChange("payload has a text that isn't Unicode.", out reason);
        }
        if (!ChannelId.TryGetType(channelId, out var type)) return RefuseChange("channelId is not one.", out reason);
        if (messageId is not { } id) return RefuseChange("messageId is missing.", out reason);
        if (isDeletion) return new MessageChangeRequest(channelId, type, id, true, [], "");
        return content is { Length: > 0 } ? new MessageChangeRequest(channelId, type, id, false, content, contentType ?? "text") : RefuseChange("content is missing.", out reason);
    }

    private static MessageChangeRequest? RefuseChange(string text, out string reason)
    {
        reason = text;
        return null;
    }
}
