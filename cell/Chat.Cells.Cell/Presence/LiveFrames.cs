using System.Text.Json;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Presence;

/// <summary>Reads and writes the frames of presence and typing.</summary>
internal static class LiveFrames
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = ProtocolLimits.MaxJsonDepth };

    /// <summary>Reads the payload of <c>presence_subscribe</c>: each user once. Null with a reason for what is none.</summary>
    public static List<string>? ReadSubscription(ReadOnlySpan<byte> payload, out string reason)
    {
        reason = "userIds is a list of user ids.";
        try
        {
            var reader = new Utf8JsonReader(payload, Options);
            if (!TryFind(ref reader, "userIds"u8) || reader.TokenType != JsonTokenType.StartArray) return null;
            var userIds = new List<string>();
            var known = new HashSet<string>(StringComparer.Ordinal);
            var count = 0;
            while (reader.Read() && reader.TokenType == JsonTokenType.String)
            {
                if (++count > ProtocolLimits.MaxPresenceUsers)
                {
                    reason = $"userIds has at most {ProtocolLimits.MaxPresenceUsers} ids.";
                    return null;
                }
                if (reader.ValueSpan.Length > UserId.MaxLength) return null;
                var userId = reader.GetString()!;
                if (!UserId.IsValid(userId)) return null;
                if (known.Add(userId)) userIds.Add(userId);
            }
            return reader.TokenType == JsonTokenType.EndArray ? userIds : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Reads the payload of <c>typing</c>; false for what is none.</summary>
    public static bool TryReadTyping(ReadOnlySpan<byte> payload, out string channelId, out bool isTyping)
    {
        (channelId, isTyping) = ("", false);
        if (!ClientFrames.TryReadMember(payload, "channelId"u8, out var channel) || !ChannelId.TryGetType(channel, out _)) return false;
        channelId = channel;
        try
        {
            var reader = new Utf8JsonReader(payload, Options);
            if (!TryFind(ref reader, "typing"u8) || reader.TokenType is not (JsonTokenType.True or JsonTokenType.False)) return false;
            isTyping = reader.GetBoolean();
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Reads the payload of <c>heartbeat</c>: whether nobody looks at the device. Null for a status that isn't one.</summary>
    public static bool? ReadIsAway(ReadOnlySpan<byte> payload)
    {
        if (payload.Length <= 2) return false; // {} or nothing, as nearly always
        if (!ClientFrames.TryReadMember(payload, "status"u8, out var status)) return null;
        return status switch
        {
            null or "online" => false,
            "away" => true,
            _ => null,
        };
    }

    public static byte[] Presence(PresenceSnapshot snapshot, long now) => ServerFrames.Write(FrameTypes.Presence, null, now, snapshot, static (w, s) =>
    {
        w.WriteString("userId"u8, s.UserId);
        w.WriteString("status"u8, NameOf(s.Status));
        if (s.LastActiveAt is { } at) w.WriteNumber("lastActiveAt"u8, at);
        w.WriteStartArray("devices"u8);
        foreach (var device in s.Devices) w.WriteStringValue(device);
        w.WriteEndArray();
    });

    public static byte[] Typing(string channelId, string userId, bool isTyping, long now) => ServerFrames.Write(FrameTypes.Typing, null, now, (channelId, userId, isTyping), static (w, s) =>
    {
        w.WriteString("channelId"u8, s.channelId);
        w.WriteString("userId"u8, s.userId);
        w.WriteBoolean("typing"u8, s.isTyping);
    });

    public static string NameOf(PresenceStatus status) => status switch
    {
        PresenceStatus.Online => "online",
        PresenceStatus.Away => "away",
        _ => "offline",
    };

    /// <summary>Stands on the value of a member of the payload.</summary>
    private static bool TryFind(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var found = reader.ValueTextEquals(name);
            if (!reader.Read()) return false;
            if (found) return true;
            reader.Skip();
        }
        return false;
    }
}
