namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>The statements that are not beside their only use, because tests look at their plans.</summary>
internal static class Sql
{
    public const string ReadHistory =
        "SELECT message_id, sender_id, content_type, content, reply_to, channel_version FROM messages WHERE channel_id = ?1 AND message_id < ?2 ORDER BY message_id DESC LIMIT ?3";

    /// <summary>Blobs are compared byte by byte, so the greater register wins.</summary>
    public const string RaiseChange =
        "INSERT INTO message_changes VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET change = excluded.change WHERE excluded.change > change";

    public const string FindChange = "SELECT change FROM message_changes WHERE channel_id = ?1 AND message_id = ?2";

    public const string ReadChanges = "SELECT message_id, change FROM message_changes WHERE channel_id = ?1 AND message_id BETWEEN ?2 AND ?3 ORDER BY message_id";

    public const string ReadInbox =
        "SELECT epoch, bucket, inbox_offset, payload FROM user_inbox WHERE user_id = ?1 AND (epoch, bucket, inbox_offset) > (?2, ?3, ?4) ORDER BY epoch, bucket, inbox_offset LIMIT ?5";

    public const string LatestCursor =
        "SELECT epoch, bucket, inbox_offset FROM user_inbox WHERE user_id = ?1 ORDER BY epoch DESC, bucket DESC, inbox_offset DESC LIMIT 1";

    public const string ListChannels = "SELECT channel_id FROM user_channels WHERE user_id = ?1 AND channel_id > ?2 ORDER BY channel_id LIMIT ?3";

    public const string ReadReceipts = "SELECT user_id, delivered_up_to, read_up_to FROM read_receipts WHERE channel_id = ?1 ORDER BY user_id";

    public const string FindRead =
        "SELECT (SELECT read_up_to FROM read_receipts WHERE channel_id = ?1 AND user_id = ?2), c.read_up_to, c.read_cursor " +
        "FROM (SELECT 1) LEFT JOIN read_cursors c ON c.channel_id = ?1 AND c.user_id = ?2";

    public const string FindRequest =
        "SELECT position, message_id, content_hash, error_code, append_time FROM requests WHERE channel_id = ?1 AND sender_id = ?2 AND request_id = ?3";

    public const string FindChannel =
        "SELECT c.type, c.name, c.home, c.version, c.position, c.created_at, m.user_id, m.role, m.joined_at, m.left_at, m.version " +
        "FROM channels c LEFT JOIN channel_members m ON m.channel_id = c.channel_id WHERE c.channel_id = ?1 ORDER BY m.ordinal";

    /// <summary>Counting the rows themselves would read them all, at every look whether the store answers.</summary>
    public const string CountAccounts = "SELECT value FROM counters WHERE name = 'accounts'";

    public const string PurgeRequests =
        "DELETE FROM requests WHERE (channel_id, sender_id, request_id) IN " +
        "(SELECT channel_id, sender_id, request_id FROM requests WHERE append_time < ?1 ORDER BY append_time LIMIT ?2)";
}
