using System.Security.Cryptography;
using System.Text;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>
/// The tables, as the sequence of migrations that made them. A migration, once released, never changes, and each of its statements may run twice: a server that died in the
/// middle is followed by another that begins it anew. Older programs run on beside a newer schema until they restart, so a migration only adds.
/// </summary>
internal static class Migrations
{
    /// <summary>Rows of a week live for 90 days after its end and a little longer than any cursor that a gateway continues from (90 days and the week it falls into).</summary>
    private const int InboxDays = 105;

    /// <summary>A bucket is written with its first row and must outlive its last.</summary>
    private const int InboxBucketDays = InboxDays + 15;

    private const string Leveled = "compaction = {'class': 'LeveledCompactionStrategy'}";

    /// <summary>Nothing is deleted here, it only expires, everywhere at the same time: what is expired need be kept no longer than hints (3 h) may come late.</summary>
    private const string ShortGrace = "gc_grace_seconds = 86400";

    /// <summary>How many there are: the schema's version.</summary>
    public static int Count => All.Count;

    /// <summary>The migrations; <c>{0}</c> is the keyspace.</summary>
    public static IReadOnlyList<IReadOnlyList<Table>> All { get; } =
    [
        [
            // Immutable rows. Windows, because they are written in the order of time and never change.
            new("messages",
                "channel_id text, bucket int, message_id blob, sender_id text, content_type text, content blob, reply_to blob, channel_version int, PRIMARY KEY ((channel_id, bucket), message_id)",
                "CLUSTERING ORDER BY (message_id DESC)", Windows("DAYS", 30)),
            new("channel_buckets", "channel_id text, bucket int, PRIMARY KEY (channel_id, bucket)", "CLUSTERING ORDER BY (bucket DESC)", Leveled),

            // A row per judged record of the request: nothing is ever overwritten, the highest position is read. All of the request is the partition's key, so that the
            // usual question, for one that was never seen, ends at a Bloom filter.
            new("requests",
                "channel_id text, sender_id text, request_id text, position bigint, message_id blob, content_hash bigint, error_code text, append_time bigint, "
                + "PRIMARY KEY ((channel_id, sender_id, request_id), position)",
                "CLUSTERING ORDER BY (position DESC)", Windows("DAYS", 1), ShortGrace),
            new("partition_times", "log_partition int PRIMARY KEY, time bigint", Leveled),

            // A channel and its member intervals are one partition, so that one mutation replaces both; intervals from `intervals` on are of an older change.
            new("channels",
                "channel_id text, type int static, name text static, named boolean static, home text static, version int static, position bigint static, created_at bigint static, "
                + "intervals int static, ordinal int, user_id text, role int, joined_at bigint, left_at bigint, member_version int, PRIMARY KEY (channel_id, ordinal)",
                Leveled),
            new("user_channels", "user_id text, channel_id text, member boolean, PRIMARY KEY (user_id, channel_id)", Leveled),
            new("read_receipts", "channel_id text, user_id text, delivered_up_to blob, read_up_to blob, PRIMARY KEY (channel_id, user_id)", Leveled),

            new("user_inbox", "user_id text, epoch int, bucket int, inbox_offset bigint, payload blob, PRIMARY KEY ((user_id, epoch, bucket), inbox_offset)",
                Windows("DAYS", 7), ShortGrace, TimeToLive(InboxDays)),
            new("inbox_buckets", "user_id text, epoch int, bucket int, PRIMARY KEY (user_id, epoch, bucket)", Windows("DAYS", 7), ShortGrace, TimeToLive(InboxBucketDays)),
            new("high_water", "inbox_partition int, source bigint, source_offset bigint, PRIMARY KEY (inbox_partition, source)", Leveled),

            // Written by lightweight transactions only: their order is the ring's, not that of any server's clock.
            new("handles", "handle text PRIMARY KEY, user_id text", Leveled),
            new("accounts", "user_id text PRIMARY KEY, handle text, display_name text, password_hash text, epoch int, created_at bigint", Leveled),
            new("devices", "user_id text, device_id text, name text, kind text, refresh_hash blob, created_at bigint, last_seen_at bigint, PRIMARY KEY (user_id, device_id)", Leveled),
            new("contacts", "user_id text, contact_user_id text, PRIMARY KEY (user_id, contact_user_id)", Leveled),

            // How many accounts each server's run has made.
            new("account_counts", "scope text, server text, created bigint, PRIMARY KEY (scope, server)", Leveled),
        ],
        [
            new("topic_generations", "topic text, number int, topic_id text, log_partition int, from_offset bigint, PRIMARY KEY (topic, number)", Leveled),
        ],
        [
            // A table of its own and not columns of read_receipts: a column can't be added twice, and a migration may run twice.
            new("read_cursors", "channel_id text, user_id text, read_up_to blob, read_cursor blob, PRIMARY KEY (channel_id, user_id)", Leveled),
        ],
        [
            // A table of its own and not a column of messages: a migration may run twice; programs from before edits, which run on beside this schema, would not understand
            // a message's row that has a change and no sender yet; and messages stay in windows of rows that never change.
            new("message_changes", "channel_id text, bucket int, message_id blob, change blob, PRIMARY KEY ((channel_id, bucket), message_id)",
                "CLUSTERING ORDER BY (message_id DESC)", Leveled),
        ],
    ];

    /// <summary>Which migrations were done. Made before the lock, by whoever comes first.</summary>
    public static Table Versions { get; } = new("schema_versions", "scope text, version int, PRIMARY KEY (scope, version)", "CLUSTERING ORDER BY (version DESC)");

    /// <summary>Who migrates now.</summary>
    public static Table Lock { get; } = new("schema_lock", "name text PRIMARY KEY, owner text");

    private static string Windows(string unit, int size) =>
        $"compaction = {{'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': '{unit}', 'compaction_window_size': '{size}'}}";

    private static string TimeToLive(int days) => FormattableString.Invariant($"default_time_to_live = {days * 24 * 3600}");

    /// <param name="Name">The table's.</param>
    /// <param name="Columns">With the primary key.</param>
    /// <param name="Settings">What follows WITH.</param>
    internal sealed record Table(string Name, string Columns, params string[] Settings)
    {
        /// <summary>
        /// The statement that makes the table. Its id is a function of the name: servers that make it at the same time through different nodes make the same table, where
        /// ids drawn by the nodes would make two of it.
        /// </summary>
        public string Create(string keyspace) => $"CREATE TABLE IF NOT EXISTS {keyspace}.{Name} ({Columns}) WITH {string.Join(" AND ", [.. Settings, $"id = {IdIn(keyspace)}"])}";

        private Guid IdIn(string keyspace)
        {
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"chat.cells/{keyspace}/{Name}")).AsSpan(0, 16);
            // Version 8 (RFC 9562): made by the application.
            hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
            hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
            return new Guid(hash, bigEndian: true);
        }
    }
}
