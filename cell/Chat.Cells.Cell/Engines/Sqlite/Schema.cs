using System.Globalization;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>The tables, as the sequence of migrations that made them; <c>user_version</c> says how many were applied. A migration, once released, never changes.</summary>
internal static class Schema
{
    private static readonly string[] Migrations =
    [
        """
        CREATE TABLE messages (
            channel_id TEXT NOT NULL, message_id BLOB NOT NULL, sender_id TEXT NOT NULL, content_type TEXT NOT NULL, content BLOB NOT NULL,
            reply_to BLOB, channel_version INTEGER NOT NULL,
            PRIMARY KEY (channel_id, message_id)) WITHOUT ROWID;
        CREATE TABLE requests (
            channel_id TEXT NOT NULL, sender_id TEXT NOT NULL, request_id TEXT NOT NULL, position INTEGER NOT NULL, message_id BLOB,
            content_hash INTEGER NOT NULL, error_code TEXT, append_time INTEGER NOT NULL,
            PRIMARY KEY (channel_id, sender_id, request_id)) WITHOUT ROWID;
        CREATE INDEX requests_by_time ON requests (append_time);
        CREATE TABLE partition_times (log_partition INTEGER PRIMARY KEY, time INTEGER NOT NULL);
        CREATE TABLE channels (
            channel_id TEXT NOT NULL PRIMARY KEY, type INTEGER NOT NULL, name TEXT, home TEXT NOT NULL, version INTEGER NOT NULL,
            position INTEGER NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE channel_members (
            channel_id TEXT NOT NULL, ordinal INTEGER NOT NULL, user_id TEXT NOT NULL, role INTEGER NOT NULL, joined_at INTEGER NOT NULL,
            left_at INTEGER, version INTEGER NOT NULL,
            PRIMARY KEY (channel_id, ordinal)) WITHOUT ROWID;
        CREATE TABLE user_channels (user_id TEXT NOT NULL, channel_id TEXT NOT NULL, PRIMARY KEY (user_id, channel_id)) WITHOUT ROWID;
        CREATE TABLE read_receipts (
            channel_id TEXT NOT NULL, user_id TEXT NOT NULL, delivered_up_to BLOB, read_up_to BLOB,
            PRIMARY KEY (channel_id, user_id)) WITHOUT ROWID;
        CREATE TABLE user_inbox (
            user_id TEXT NOT NULL, epoch INTEGER NOT NULL, bucket INTEGER NOT NULL, inbox_offset INTEGER NOT NULL, payload BLOB NOT NULL,
            PRIMARY KEY (user_id, epoch, bucket, inbox_offset)) WITHOUT ROWID;
        CREATE TABLE high_water (
            inbox_partition INTEGER NOT NULL, source INTEGER NOT NULL, source_offset INTEGER NOT NULL,
            PRIMARY KEY (inbox_partition, source)) WITHOUT ROWID;
        CREATE TABLE handles (handle TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE accounts (
            user_id TEXT NOT NULL PRIMARY KEY, handle TEXT NOT NULL, display_name TEXT NOT NULL, password_hash TEXT NOT NULL,
            epoch INTEGER NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE devices (
            user_id TEXT NOT NULL, device_id TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, refresh_hash BLOB NOT NULL,
            created_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL,
            PRIMARY KEY (user_id, device_id)) WITHOUT ROWID;
        CREATE TABLE contacts (user_id TEXT NOT NULL, contact_user_id TEXT NOT NULL, PRIMARY KEY (user_id, contact_user_id)) WITHOUT ROWID;
        """,
        """
        CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO counters SELECT 'accounts', count(*) FROM accounts;
        """,
        """
        CREATE TABLE topic_generations (
            topic TEXT NOT NULL, number INTEGER NOT NULL, topic_id TEXT NOT NULL, partition INTEGER NOT NULL, from_offset INTEGER NOT NULL,
            PRIMARY KEY (topic, number)) WITHOUT ROWID;
        """,
        "CREATE TABLE journal (entry INTEGER PRIMARY KEY, rows BLOB NOT NULL);",
        """
        CREATE TABLE read_cursors (
            channel_id TEXT NOT NULL, user_id TEXT NOT NULL, read_up_to BLOB NOT NULL, read_cursor BLOB NOT NULL,
            PRIMARY KEY (channel_id, user_id)) WITHOUT ROWID;
        """,
        """
        CREATE TABLE message_changes (
            channel_id TEXT NOT NULL, message_id BLOB NOT NULL, change BLOB NOT NULL,
            PRIMARY KEY (channel_id, message_id)) WITHOUT ROWID;
        """,
    ];

    /// <summary>Brings a file to the newest schema. Safe when several programs open it at once: each step looks again under the write lock.</summary>
    /// <exception cref="StoreException">The file is from a newer program.</exception>
    public static void Migrate(Database database, string path)
    {
        var version = database.QueryInt64("PRAGMA user_version");
        if (version > Migrations.Length)
        {
            throw new StoreException($"The store {path} has schema {version}; this program knows up to {Migrations.Length}. Use the program that wrote it, or a newer one.");
        }
        while (version < Migrations.Length)
        {
            database.Execute("BEGIN IMMEDIATE");
            version = database.QueryInt64("PRAGMA user_version");
            if (version < Migrations.Length)
            {
                database.Execute(Migrations[version++]);
                database.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version = {version}"));
            }
            database.Execute("COMMIT");
        }
    }
}
