using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Writes single rows to their tables. Each may be written again.</summary>
internal static class RowWrites
{
    public static void Write(Database database, MessageRow message) =>
        Write(database, message.ChannelId, message.MessageId, new RecentMessage(message.SenderId, message.ContentType, message.Content, message.ReplyTo, message.ChannelVersion));

    public static void Write(Database database, string channelId, Ulid messageId, in RecentMessage message) =>
        database["INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"]
            .Bind(1, channelId)
            .Bind(2, messageId)
            .Bind(3, message.SenderId)
            .Bind(4, message.ContentType)
            .Bind(5, message.Content.Span)
            .Bind(6, message.ReplyTo)
            .Bind(7, message.ChannelVersion)
            .Execute();

    /// <summary>A replay of an older record never takes the place of a newer one's verdict.</summary>
    public static void Write(Database database, RequestRow request)
    {
        const string upsert =
            "INSERT INTO requests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET position = excluded.position, message_id = excluded.message_id, " +
            "content_hash = excluded.content_hash, error_code = excluded.error_code, append_time = excluded.append_time WHERE excluded.position >= position";
        database[upsert]
            .Bind(1, request.ChannelId)
            .Bind(2, request.SenderId)
            .Bind(3, request.RequestId)
            .Bind(4, request.Position)
            .Bind(5, request.MessageId)
            .Bind(6, (long)request.ContentHash)
            .Bind(7, request.ErrorCode)
            .Bind(8, request.AppendTime)
            .Execute();
    }

    public static void Write(Database database, InboxRow row) => Write(database, row.UserId, row.Cursor, row.Payload);

    public static void Write(Database database, string userId, InboxCursor cursor, ReadOnlyMemory<byte> payload) =>
        database["INSERT INTO user_inbox VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING"]
            .Bind(1, userId)
            .Bind(2, cursor.Epoch)
            .Bind(3, cursor.Bucket)
            .Bind(4, cursor.Offset)
            .Bind(5, payload.Span)
            .Execute();
}
