using System.Buffers;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Rows as they stand in a journal entry: one after the other; an inbox record that several users got stands there once.</summary>
internal static class JournalCodec
{
    private const byte Message = 1;
    private const byte Request = 2;
    private const byte Inbox = 3;
    private const int MaxUsers = 1_000_000;

    public static void Write(IBufferWriter<byte> output, MessageRow row)
    {
        var w = new RecordWriter(output);
        w.Byte(Message);
        w.Text(row.ChannelId);
        w.Ulid(row.MessageId);
        w.Text(row.SenderId);
        w.Text(row.ContentType);
        w.Bytes(row.Content.Span);
        w.OptionalUlid(row.ReplyTo);
        w.Int(row.ChannelVersion);
    }

    public static void Write(IBufferWriter<byte> output, RequestRow row)
    {
        var w = new RecordWriter(output);
        w.Byte(Request);
        w.Text(row.ChannelId);
        w.Text(row.SenderId);
        w.Text(row.RequestId);
        w.Int(row.Position);
        w.OptionalUlid(row.MessageId);
        w.UInt64(row.ContentHash);
        w.OptionalText(row.ErrorCode);
        w.Int(row.AppendTime);
    }

    /// <summary>Writes rows from an index on that have one cursor and one payload; returns the index behind them.</summary>
    public static int WriteShared(IBufferWriter<byte> output, IReadOnlyList<InboxRow> rows, int from)
    {
        var first = rows[from];
        var end = from + 1;
        while (end < rows.Count && rows[end].Cursor == first.Cursor && rows[end].Payload.Equals(first.Payload)) end++;
        var w = new RecordWriter(output);
        w.Byte(Inbox);
        w.Int(first.Cursor.Epoch);
        w.Int(first.Cursor.Bucket);
        w.Int(first.Cursor.Offset + 1);
        w.Bytes(first.Payload.Span);
        w.Int(end - from);
        for (var i = from; i < end; i++) w.Text(rows[i].UserId);
        return end;
    }

    /// <summary>Writes an entry's rows to their tables; how many.</summary>
    /// <exception cref="RecordFormatException">Malformed.</exception>
    public static int Replay(Database database, ReadOnlyMemory<byte> entry)
    {
        var r = new RecordReader(entry);
        var count = 0;
        for (; !r.AtEnd; count++)
        {
            switch (r.Byte())
            {
                case Message:
                    RowWrites.Write(database, new MessageRow(r.Text(), r.Ulid(), r.Text(), r.Text(), r.Bytes(), r.OptionalUlid(), (int)r.Int()));
                    break;
                case Request:
                    RowWrites.Write(database, new RequestRow(r.Text(), r.Text(), r.Text(), r.Int(), r.OptionalUlid(), r.UInt64(), r.OptionalText(), r.Int()));
                    break;
                case Inbox:
                    var cursor = new InboxCursor((int)r.Int(), (int)r.Int(), r.Int() - 1);
                    var payload = r.Bytes();
                    foreach (var user in r.Texts(MaxUsers)) RowWrites.Write(database, new InboxRow(user, cursor, payload));
                    break;
                case var other:
                    throw new RecordFormatException($"Journal row kind {other} is not known.");
            }
        }
        return count;
    }
}
