using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Unread;

/// <summary>Writes the frame <c>unread</c>.</summary>
internal static class UnreadFrames
{
    /// <param name="all">True: everything that isn't named has nothing unread.</param>
    public static byte[] Write(IReadOnlyList<ChannelUnread> channels, bool all, long now)
    {
        using var scratch = Scratch.Take();
        var json = scratch.BeginJson();
        json.WriteStartObject();
        json.WriteString("type"u8, FrameTypes.Unread);
        json.WriteStartObject("payload"u8);
        json.WriteStartArray("channels"u8);
        foreach (var channel in channels)
        {
            json.WriteStartObject();
            json.WriteString("channelId"u8, channel.ChannelId);
            json.WriteNumber("count"u8, channel.Count);
            if (channel.Count >= UnreadLimits.Cap) json.WriteBoolean("capped"u8, true);
            if (channel.ReadUpTo is { } readUpTo) json.WriteId("lastReadMessageId"u8, readUpTo);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (all) json.WriteBoolean("all"u8, true);
        json.WriteEndObject();
        json.WriteNumber("timestamp"u8, now);
        json.WriteEndObject();
        json.Flush();
        return scratch.ToArray();
    }
}
