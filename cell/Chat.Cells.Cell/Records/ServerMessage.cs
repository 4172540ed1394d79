using Chat.Cells.Cell.Inbox;

namespace Chat.Cells.Cell.Records;

/// <summary>What workers publish to a gateway through <see cref="Ports.ICellState"/>. All of it may be lost, doubled or reordered.</summary>
public abstract record ServerMessage
{
    public static byte[] Encode(ServerMessage message)
    {
        using var scratch = Scratch.Take();
        var w = new RecordWriter(scratch.Buffer);
        switch (message)
        {
            case Verdict m:
                w.Byte(1);
                w.Text(m.UserId);
                w.Text(m.DeviceId);
                w.Text(m.RequestId);
                w.Text(m.ChannelId);
                w.OptionalUlid(m.MessageId);
                w.OptionalText(m.ErrorCode);
                w.Int(m.RetryAfter);
                if (m.EventId is { } eventId) w.Ulid(eventId);
                break;
            case Hint m:
                w.Byte(2);
                w.Bytes(m.Record.Span);
                w.Int(m.Users.Count);
                for (var i = 0; i < m.Users.Count; i++)
                {
                    var user = m.Users[i];
                    w.Text(user.UserId);
                    WriteCursor(w, user.Previous);
                    WriteCursor(w, user.Cursor);
                }
                break;
            case ReceiptHint m:
                w.Byte(3);
                w.Text(m.ChannelId);
                w.Text(m.UserId);
                w.OptionalUlid(m.DeliveredUpTo);
                w.OptionalUlid(m.ReadUpTo);
                w.Texts(m.Recipients);
                break;
            case DeviceRevoked m:
                w.Byte(16);
                w.Text(m.UserId);
                w.Text(m.DeviceId);
                break;
            case PresenceNotice m:
                w.Byte(4);
                LiveMessages.Write(w, m);
                break;
            case TypingNotice m:
                w.Byte(5);
                LiveMessages.Write(w, m);
                break;
            default:
                throw new ArgumentException($"No encoding for {message.GetType().Name}.", nameof(message));
        }
        return scratch.ToArray();
    }

    /// <exception cref="RecordFormatException">Malformed.</exception>
    public static ServerMessage Decode(ReadOnlyMemory<byte> bytes)
    {
        var r = new RecordReader(bytes);
        switch (r.Byte())
        {
            case 1:
                return new Verdict(r.SharedText(), r.SharedText(), r.Text(), r.SharedText(), r.OptionalUlid(), r.OptionalText(), (int)r.Int(), r.AtEnd ? null : r.Ulid());
            case 2:
                var record = r.Bytes();
                var count = r.Int();
                if (count > 1_000) throw new RecordFormatException($"A hint has {count} users.");
                var users = new HintedUser[count];
                for (var i = 0; i < users.Length; i++) users[i] = new HintedUser(r.SharedText(), ReadCursor(ref r), ReadCursor(ref r));
                return new Hint(record, users);
            case 3:
                return new ReceiptHint(r.SharedText(), r.SharedText(), r.OptionalUlid(), r.OptionalUlid(), r.Texts(1_000));
            case 4:
                return LiveMessages.ReadPresence(ref r);
            case 5:
                return LiveMessages.ReadTyping(ref r);
            case 16:
                return new DeviceRevoked(r.Text(), r.Text());
            case var other:
                throw new RecordFormatException($"Server message kind {other} is not known.");
        }
    }

    private static void WriteCursor(RecordWriter w, InboxCursor cursor)
    {
        w.Int(cursor.Epoch);
        w.Int(cursor.Bucket);
        w.Int(cursor.Offset + 1);
    }

    private static InboxCursor ReadCursor(ref RecordReader r) => new((int)r.Int(), (int)r.Int(), r.Int() - 1);
}

/// <summary>The judge's answer to a request: accepted (<see cref="ErrorCode"/> null) or refused.</summary>
/// <param name="RetryAfter">ms; 0 when it doesn't apply.</param>
/// <param name="EventId">Of an accepted change of the message; null for everything else.</param>
public sealed record Verdict(string UserId, string DeviceId, string RequestId, string ChannelId, Ulid? MessageId, string? ErrorCode, int RetryAfter, Ulid? EventId = null) : ServerMessage;

/// <summary>An inbox record (encoded, without recipients) was just stored for these users.</summary>
public sealed record Hint(ReadOnlyMemory<byte> Record, IReadOnlyList<HintedUser> Users) : ServerMessage;

/// <param name="Previous">The user's cursor before this record: only a socket that stands exactly there may be sent it.</param>
public readonly record struct HintedUser(string UserId, InboxCursor Previous, InboxCursor Cursor);

/// <summary>Frame <c>receipt</c> for the sockets of these users.</summary>
public sealed record ReceiptHint(string ChannelId, string UserId, Ulid? DeliveredUpTo, Ulid? ReadUpTo, IReadOnlyList<string> Recipients) : ServerMessage;

/// <summary>The device was logged out: its sockets close.</summary>
public sealed record DeviceRevoked(string UserId, string DeviceId) : ServerMessage;
