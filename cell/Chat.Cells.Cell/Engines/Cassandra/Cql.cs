namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>
/// Every statement of the store, for one keyspace. Tests read this list: each names whole partitions, none filters or orders against the table, each write but the
/// lightweight transactions carries its own timestamp, and nothing is deleted but by a lightweight transaction.
/// </summary>
internal sealed class Cql(string keyspace)
{
    public readonly string InsertChannelBucket = $"INSERT INTO {keyspace}.channel_buckets (channel_id, bucket) VALUES (?, ?) USING TIMESTAMP ?";

    public readonly string InsertMessage =
        $"INSERT INTO {keyspace}.messages (channel_id, bucket, message_id, sender_id, content_type, content, reply_to, channel_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";

    public readonly string FindMessage =
        $"SELECT message_id, sender_id, content_type, content, reply_to, channel_version FROM {keyspace}.messages WHERE channel_id = ? AND bucket = ? AND message_id = ?";

    public readonly string ReadChannelBuckets = $"SELECT bucket FROM {keyspace}.channel_buckets WHERE channel_id = ? AND bucket <= ?";

    public readonly string ReadHistory =
        $"SELECT message_id, sender_id, content_type, content, reply_to, channel_version FROM {keyspace}.messages WHERE channel_id = ? AND bucket = ? AND message_id < ? LIMIT ?";

    public readonly string RaiseChange = $"INSERT INTO {keyspace}.message_changes (channel_id, bucket, message_id, change) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";

    public readonly string FindChange = $"SELECT change FROM {keyspace}.message_changes WHERE channel_id = ? AND bucket = ? AND message_id = ?";

    public readonly string ReadChanges = $"SELECT message_id, change FROM {keyspace}.message_changes WHERE channel_id = ? AND bucket = ? AND message_id >= ? AND message_id <= ?";

    public readonly string InsertRequest =
        $"INSERT INTO {keyspace}.requests (channel_id, sender_id, request_id, position, message_id, content_hash, error_code, append_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";

    public readonly string FindRequest =
        $"SELECT position, message_id, content_hash, error_code, append_time FROM {keyspace}.requests WHERE channel_id = ? AND sender_id = ? AND request_id = ? LIMIT 1";

    public readonly string InsertPartitionTime = $"INSERT INTO {keyspace}.partition_times (log_partition, time) VALUES (?, ?) USING TIMESTAMP ?";

    public readonly string FindPartitionTime = $"SELECT time FROM {keyspace}.partition_times WHERE log_partition = ?";

    public readonly string InsertChannel =
        $"INSERT INTO {keyspace}.channels (channel_id, type, name, named, home, version, position, created_at, intervals) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";

    public readonly string InsertMember =
        $"INSERT INTO {keyspace}.channels (channel_id, ordinal, user_id, role, joined_at, left_at, member_version) VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";

    public readonly string FindChannel =
        $"SELECT type, name, named, home, version, position, created_at, intervals, ordinal, user_id, role, joined_at, left_at, member_version FROM {keyspace}.channels WHERE channel_id = ?";

    public readonly string InsertUserChannel = $"INSERT INTO {keyspace}.user_channels (user_id, channel_id, member) VALUES (?, ?, ?) USING TIMESTAMP ?";

    public readonly string ListChannels = $"SELECT channel_id, member FROM {keyspace}.user_channels WHERE user_id = ? AND channel_id > ?";

    public readonly string RaiseDelivered = $"UPDATE {keyspace}.read_receipts USING TIMESTAMP ? SET delivered_up_to = ? WHERE channel_id = ? AND user_id = ?";

    public readonly string RaiseRead = $"UPDATE {keyspace}.read_receipts USING TIMESTAMP ? SET read_up_to = ? WHERE channel_id = ? AND user_id = ?";

    public readonly string ReadReceipts = $"SELECT user_id, delivered_up_to, read_up_to FROM {keyspace}.read_receipts WHERE channel_id = ?";

    public readonly string RaiseCursorPointer = $"UPDATE {keyspace}.read_cursors USING TIMESTAMP ? SET read_up_to = ? WHERE channel_id = ? AND user_id = ?";

    public readonly string RaiseCursor = $"UPDATE {keyspace}.read_cursors USING TIMESTAMP ? SET read_cursor = ? WHERE channel_id = ? AND user_id = ?";

    public readonly string FindReadPointer = $"SELECT read_up_to FROM {keyspace}.read_receipts WHERE channel_id = ? AND user_id = ?";

    public readonly string FindReadCursor = $"SELECT read_up_to, read_cursor FROM {keyspace}.read_cursors WHERE channel_id = ? AND user_id = ?";

    public readonly string InsertInboxBucket = $"INSERT INTO {keyspace}.inbox_buckets (user_id, epoch, bucket) VALUES (?, ?, ?) USING TIMESTAMP ?";

    public readonly string InsertInbox = $"INSERT INTO {keyspace}.user_inbox (user_id, epoch, bucket, inbox_offset, payload) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";

    public readonly string ReadInboxBuckets = $"SELECT epoch, bucket FROM {keyspace}.inbox_buckets WHERE user_id = ? AND (epoch, bucket) >= (?, ?)";

    public readonly string ReadInbox = $"SELECT inbox_offset, payload FROM {keyspace}.user_inbox WHERE user_id = ? AND epoch = ? AND bucket = ? AND inbox_offset > ? LIMIT ?";

    public readonly string ReadInboxBucketsDown = $"SELECT epoch, bucket FROM {keyspace}.inbox_buckets WHERE user_id = ? ORDER BY epoch DESC, bucket DESC";

    public readonly string FindLastOffset = $"SELECT inbox_offset FROM {keyspace}.user_inbox WHERE user_id = ? AND epoch = ? AND bucket = ? ORDER BY inbox_offset DESC LIMIT 1";

    public readonly string InsertHighWater = $"INSERT INTO {keyspace}.high_water (inbox_partition, source, source_offset) VALUES (?, ?, ?) USING TIMESTAMP ?";

    public readonly string LoadHighWater = $"SELECT source, source_offset FROM {keyspace}.high_water WHERE inbox_partition = ?";

    public readonly string ClaimHandle = $"INSERT INTO {keyspace}.handles (handle, user_id) VALUES (?, ?) IF NOT EXISTS";

    public readonly string FindHandle = $"SELECT user_id FROM {keyspace}.handles WHERE handle = ?";

    public readonly string CreateAccount =
        $"INSERT INTO {keyspace}.accounts (user_id, handle, display_name, password_hash, epoch, created_at) VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS";

    public readonly string FindAccount = $"SELECT handle, display_name, password_hash, epoch, created_at FROM {keyspace}.accounts WHERE user_id = ?";

    public readonly string AnyAccount = $"SELECT user_id FROM {keyspace}.accounts LIMIT 1";

    public readonly string CountAccounts = $"SELECT created FROM {keyspace}.account_counts WHERE scope = 'accounts'";

    public readonly string InsertAccountCount = $"INSERT INTO {keyspace}.account_counts (scope, server, created) VALUES ('accounts', ?, ?) USING TIMESTAMP ?";

    public readonly string InsertDevice =
        $"INSERT INTO {keyspace}.devices (user_id, device_id, name, kind, refresh_hash, created_at, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";

    public readonly string UpdateDevice =
        $"UPDATE {keyspace}.devices SET name = ?, kind = ?, refresh_hash = ?, created_at = ?, last_seen_at = ? WHERE user_id = ? AND device_id = ? IF EXISTS";

    public readonly string RotateRefresh = $"UPDATE {keyspace}.devices SET refresh_hash = ? WHERE user_id = ? AND device_id = ? IF refresh_hash = ?";

    public readonly string RemoveDevice = $"DELETE FROM {keyspace}.devices WHERE user_id = ? AND device_id = ? IF EXISTS";

    public readonly string FindDevice = $"SELECT device_id, name, kind, refresh_hash, created_at, last_seen_at FROM {keyspace}.devices WHERE user_id = ? AND device_id = ?";

    public readonly string ListDevices = $"SELECT device_id, name, kind, refresh_hash, created_at, last_seen_at FROM {keyspace}.devices WHERE user_id = ?";

    public readonly string InsertContact = $"INSERT INTO {keyspace}.contacts (user_id, contact_user_id) VALUES (?, ?) IF NOT EXISTS";

    public readonly string RemoveContact = $"DELETE FROM {keyspace}.contacts WHERE user_id = ? AND contact_user_id = ? IF EXISTS";

    public readonly string ListContacts = $"SELECT contact_user_id FROM {keyspace}.contacts WHERE user_id = ?";

    public readonly string ListGenerations = $"SELECT number, topic_id, log_partition, from_offset FROM {keyspace}.topic_generations WHERE topic = ?";

    public readonly string AddGeneration = $"INSERT INTO {keyspace}.topic_generations (topic, number, topic_id, log_partition, from_offset) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS";

    /// <summary>All of them.</summary>
    public IReadOnlyList<string> All => [.. typeof(Cql).GetFields().Select(text => (string)text.GetValue(this)!)];
}
