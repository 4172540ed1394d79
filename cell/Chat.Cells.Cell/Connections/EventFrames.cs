using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Connections;

/// <summary>Inbox records as frames. A record's payload is already JSON: a frame is that between a head and a tail.</summary>
internal static class EventFrames
{
    /// <summary>One live frame, the same for all sockets of a user.</summary>
    public static byte[] Live(InboxRecord record, ReadOnlySpan<byte> members, string userId, InboxCursor cursor, long now)
    {
        using var scratch = Scratch.Take();
        var buffer = scratch.Buffer;
        WriteOpenEvent(buffer, record, members, userId, cursor);
        buffer.Write("},\"timestamp\":"u8);
        WriteNumber(buffer, now);
        buffer.Write("}"u8);
        return scratch.ToArray();
    }

    /// <summary>Begins a <c>sync_batch</c>: add events with <see cref="AddToBatch"/>, then <see cref="EndBatch"/>.</summary>
    public static ArrayBufferWriter<byte> BeginBatch()
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        buffer.Write("{\"type\":\""u8);
        WriteText(buffer, FrameTypes.SyncBatch);
        buffer.Write("\",\"payload\":{\"events\":["u8);
        return buffer;
    }

    public static void AddToBatch(ArrayBufferWriter<byte> buffer, bool first, InboxRecord record, ReadOnlySpan<byte> members, string userId, InboxCursor cursor)
    {
        if (!first) buffer.Write(","u8);
        WriteOpenEvent(buffer, record, members, userId, cursor);
        buffer.Write("}}"u8);
    }

    public static byte[] EndBatch(ArrayBufferWriter<byte> buffer, InboxCursor cursor, bool more, long now)
    {
        buffer.Write("],\"cursor\":\""u8);
        WriteCursor(buffer, cursor);
        buffer.Write(more ? "\",\"more\":true},\"timestamp\":"u8 : "\",\"more\":false},\"timestamp\":"u8);
        WriteNumber(buffer, now);
        buffer.Write("}"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary><c>{"type":"…","payload":{…</c>, both braces still open.</summary>
    private static void WriteOpenEvent(ArrayBufferWriter<byte> buffer, InboxRecord record, ReadOnlySpan<byte> members, string userId, InboxCursor cursor)
    {
        buffer.Write("{\"type\":\""u8);
        WriteText(buffer, record.Kind switch
        {
            InboxKind.Message => FrameTypes.NewMessage,
            InboxKind.ChannelChanged => FrameTypes.ChannelChanged,
            InboxKind.Read => FrameTypes.Read,
            InboxKind.MessageChanged => FrameTypes.MessageChanged,
            _ => throw new RecordFormatException($"Inbox record kind {(byte)record.Kind} is not known."),
        });
        buffer.Write("\",\"payload\":{"u8);
        buffer.Write(members);
        if (!members.IsEmpty) buffer.Write(","u8);
        buffer.Write("\"cursor\":\""u8);
        WriteCursor(buffer, cursor);
        buffer.Write("\""u8);
        if (record.Kind is InboxKind.Message or InboxKind.MessageChanged && record.RequestId.Length > 0 && record.SenderId == userId)
        {
            buffer.Write(",\"requestId\":\""u8);
            WriteRequestId(buffer, record.RequestId);
            buffer.Write("\""u8);
        }
    }

    private static void WriteText(ArrayBufferWriter<byte> buffer, string ascii) => buffer.Advance(Encoding.ASCII.GetBytes(ascii, buffer.GetSpan(ascii.Length)));

    private static void WriteCursor(ArrayBufferWriter<byte> buffer, InboxCursor cursor)
    {
        cursor.TryFormat(buffer.GetSpan(InboxCursor.MaxTextLength), out var written);
        buffer.Advance(written);
    }

    private static void WriteRequestId(ArrayBufferWriter<byte> buffer, string requestId)
    {
        // Nearly all are printable ASCII with nothing to be escaped.
        if (ClientFrames.IsRequestId(requestId) && !requestId.AsSpan().ContainsAny('"', '\\')) WriteText(buffer, requestId);
        else buffer.Write(JsonEncodedText.Encode(requestId, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes);
    }

    private static void WriteNumber(ArrayBufferWriter<byte> buffer, long number)
    {
        number.TryFormat(buffer.GetSpan(20), out var written, provider: CultureInfo.InvariantCulture);
        buffer.Advance(written);
    }
}
