using System.Text.Json;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Messaging;

/// <summary>The JSON members of event frames' payloads, without braces and without what differs per recipient (<c>cursor</c>, <c>requestId</c>). Written once per event.</summary>
public static class EventPayload
{
    /// <summary>Of <c>new_message</c>. Empty when the content is over <see cref="InboxRecord.MaxInlineContent"/>.</summary>
    public static ReadOnlyMemory<byte> Message(MessageRow message) => message.Content.Length > InboxRecord.MaxInlineContent ? default : FullMessage(message);

    /// <summary>Of <c>new_message</c>, whatever the content's length.</summary>
    public static ReadOnlyMemory<byte> FullMessage(MessageRow message)
    {
        using var scratch = Scratch.Take();
        var json = scratch.BeginJson();
        json.WriteStartObject();
        json.WriteString("channelId"u8, message.ChannelId);
        json.WriteId("messageId"u8, message.MessageId);
        json.WriteString("sender"u8, message.SenderId);
        json.WriteString("contentType"u8, message.ContentType);
        json.WriteString("content"u8, message.Content.Span);
        if (message.ReplyTo is { } replyTo) json.WriteId("replyTo"u8, replyTo);
        json.WriteNumber("channelVersion"u8, message.ChannelVersion);
        return Members(json, scratch);
    }

    /// <summary>Of <c>message_changed</c>; only the message's id when the content is over <see cref="InboxRecord.MaxInlineContent"/>.</summary>
    /// <param name="sender">The message's.</param>
    public static ReadOnlyMemory<byte> MessageChanged(MessageChange change, string sender) =>
        change.Content.Length > InboxRecord.MaxInlineContent ? change.MessageId.ToByteArray() : FullMessageChanged(change, sender);

    /// <summary>Of <c>message_changed</c>, whatever the content's length.</summary>
    public static ReadOnlyMemory<byte> FullMessageChanged(MessageChange change, string sender)
    {
        using var scratch = Scratch.Take();
        var json = scratch.BeginJson();
        json.WriteStartObject();
        json.WriteString("channelId"u8, change.ChannelId);
        json.WriteId("messageId"u8, change.MessageId);
        json.WriteId("eventId"u8, change.EventId);
        json.WriteString("sender"u8, sender);
        json.WriteString("by"u8, change.ChangedBy);
        if (change.IsDeletion)
        {
            json.WriteBoolean("deleted"u8, true);
        }
        else
        {
            json.WriteString("contentType"u8, change.ContentType);
            json.WriteString("content"u8, change.Content.Span);
        }
        return Members(json, scratch);
    }

    /// <summary>Of <c>channel_changed</c>.</summary>
    /// <param name="removed">For users who are no longer members: they are not told who is.</param>
    public static ReadOnlyMemory<byte> ChannelChanged(ChannelRow row, IReadOnlyList<SnapshotMember> members, Ulid eventId, bool removed)
    {
        using var scratch = Scratch.Take();
        var json = scratch.BeginJson();
        json.WriteStartObject();
        json.WriteString("channelId"u8, row.ChannelId);
        json.WriteString("type"u8, row.Type == ChannelType.Direct ? "direct"u8 : "group"u8);
        if (row.Name is not null) json.WriteString("name"u8, row.Name);
        json.WriteString("home"u8, row.Home);
        json.WriteNumber("version"u8, row.Version);
        json.WriteStartArray("members"u8);
        if (!removed)
        {
            foreach (var member in members)
            {
                json.WriteStartObject();
                json.WriteString("userId"u8, member.UserId);
                json.WriteString("role"u8, RoleName(member.Role));
                json.WriteEndObject();
            }
        }
        json.WriteEndArray();
        if (removed) json.WriteBoolean("removed"u8, true);
        json.WriteId("eventId"u8, eventId);
        return Members(json, scratch);
    }

    /// <summary>Of <c>read</c>.</summary>
    public static ReadOnlyMemory<byte> Read(string channelId, Ulid readUpTo, InboxCursor? readCursor, Ulid eventId)
    {
        using var scratch = Scratch.Take();
        var json = scratch.BeginJson();
        json.WriteStartObject();
        json.WriteString("channelId"u8, channelId);
        json.WriteId("readUpTo"u8, readUpTo);
        if (readCursor is { } cursor) json.WriteString("readCursor"u8, cursor.ToString());
        json.WriteId("eventId"u8, eventId);
        return Members(json, scratch);
    }

    /// <summary>How far the members of a <c>read</c> say that was read; null when they don't.</summary>
    public static ReadMark? ReadOf(ReadOnlyMemory<byte> members)
    {
        if (Parse(members) is not { } read || TextOf(read, "readUpTo") is not { } text || !Ulid.TryParse(text, out var readUpTo)) return null;
        return ReadMark.Of(readUpTo, InboxCursor.TryParse(TextOf(read, "readCursor"), out var cursor) ? cursor : null);
    }

    /// <summary>Whether the members of a <c>channel_changed</c> tell its recipients that they are no longer members.</summary>
    public static bool IsRemoval(ReadOnlyMemory<byte> members) => Parse(members) is { } changed && changed.TryGetProperty("removed", out var removed) && removed.ValueKind == JsonValueKind.True;

    /// <summary>A role's name on the wire.</summary>
    public static string RoleName(MemberRole role) => role switch
    {
        MemberRole.Owner => "owner",
        MemberRole.Admin => "admin",
        _ => "member",
    };

    private static string? TextOf(JsonElement payload, string name) =>
        payload.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static JsonElement? Parse(ReadOnlyMemory<byte> members)
    {
        var whole = new byte[members.Length + 2];
        whole[0] = (byte)'{';
        members.CopyTo(whole.AsMemory(1));
        whole[^1] = (byte)'}';
        try
        {
            using var document = JsonDocument.Parse(whole);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null; // not written by this class: a record that was damaged before it came here is delivered as it is
        }
    }

    private static ReadOnlyMemory<byte> Members(Utf8JsonWriter json, Scratch scratch)
    {
        json.WriteEndObject();
        json.Flush();
        return scratch.Buffer.WrittenSpan[1..^1].ToArray();
    }
}
