using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Chat.Cells.Bench.Measure;

namespace Chat.Cells.Bench.Generator;

/// <summary>Reads server frames: only what the figures need, found by its place in the text instead of by parsing all of it.</summary>
internal sealed class FrameParser(Traffic traffic)
{
    public const int Text = 1;
    public const int Close = 8;
    private const int IdLength = 26;

    /// <summary>Takes a whole frame off the front.</summary>
    public static bool TryTake(ref ReadOnlySpan<byte> data, out int opcode, out ReadOnlySpan<byte> payload)
    {
        opcode = 0;
        payload = default;
        if (data.Length < 2) return false;
        var header = 2;
        long length = data[1] & 0x7F;
        if (length == 126)
        {
            if (data.Length < 4) return false;
            length = BinaryPrimitives.ReadUInt16BigEndian(data[2..]);
            header = 4;
        }
        else if (length == 127)
        {
            if (data.Length < 10) return false;
            length = BinaryPrimitives.ReadInt64BigEndian(data[2..]);
            header = 10;
        }
        if (data.Length < header + length) return false;
        opcode = data[0] & 0x0F;
        payload = data.Slice(header, (int)length);
        data = data[(header + (int)length)..];
        return true;
    }

    public static string CloseText(ReadOnlySpan<byte> payload) => payload.Length < 2
        ? "no reason"
        : string.Create(CultureInfo.InvariantCulture, $"{BinaryPrimitives.ReadUInt16BigEndian(payload)} {Encoding.UTF8.GetString(payload[2..])}");

    /// <summary>Counts a frame. True when it ends a sync.</summary>
    public bool Read(Connection connection, ReadOnlySpan<byte> frame)
    {
        const int typeAt = 9; // {"type":"
        if (frame.Length <= typeAt) return false;
        var type = frame[typeAt..];
        if (type.StartsWith("new_message\""u8))
        {
            ReadMessage(connection, frame);
            return false;
        }
        if (type.StartsWith("message_ack\""u8))
        {
            var number = Member(frame, "\"requestId\":\""u8);
            if (number.Length >= 16)
            {
                connection.LastAnswered = Frames.ParseHex(number[..16]);
                traffic.CountAck(connection.LastAnswered, Clock.Now);
            }
            return false;
        }
        if (type.StartsWith("error\""u8))
        {
            var number = Member(frame, "\"requestId\":\""u8);
            if (number.Length >= 16) connection.LastAnswered = Frames.ParseHex(number[..16]);
            traffic.CountError(Encoding.UTF8.GetString(frame));
            return false;
        }
        if (type.StartsWith("sync_batch\""u8))
        {
            TakeCursor(connection, frame);
            return frame.LastIndexOf("\"more\":false"u8) >= 0;
        }
        if (type.StartsWith("sync_reset\""u8))
        {
            TakeCursor(connection, frame);
            return true;
        }
        if (type.StartsWith("channel_changed\""u8) || type.StartsWith("message_changed\""u8) || type.StartsWith("read\""u8)) TakeCursor(connection, frame);
        return false;
    }

    private void ReadMessage(Connection connection, ReadOnlySpan<byte> frame)
    {
        TakeCursor(connection, frame);
        var id = Member(frame, "\"messageId\":\""u8);
        if (id.Length >= IdLength && (!connection.HasAfter || id[..IdLength].SequenceCompareTo(connection.After) > 0))
        {
            id[..IdLength].CopyTo(connection.After);
            connection.HasAfter = true;
        }
        var content = Member(frame, "\"content\":\""u8);
        if (content.Length < 40 || Frames.ParseHex(content.Slice(16, 8)) == connection.Index) return;
        traffic.CountDelivered(Frames.ParseHex(content.Slice(24, 16)), connection.Index, Frames.ParseHex(content[..16]), Clock.Now);
    }

    private static void TakeCursor(Connection connection, ReadOnlySpan<byte> frame)
    {
        const int nameLength = 10;
        var at = frame.LastIndexOf("\"cursor\":\""u8);
        if (at < 0) return;
        var rest = frame[(at + nameLength)..];
        var length = rest.IndexOf((byte)'"');
        if (length <= 0 || length > connection.Cursor.Length) return;
        rest[..length].CopyTo(connection.Cursor);
        connection.CursorLength = length;
        connection.CursorIsNew = true;
    }

    /// <summary>What follows a member's name; empty when the frame doesn't have it.</summary>
    private static ReadOnlySpan<byte> Member(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> name)
    {
        var at = frame.IndexOf(name);
        return at < 0 ? default : frame[(at + name.Length)..];
    }
}
