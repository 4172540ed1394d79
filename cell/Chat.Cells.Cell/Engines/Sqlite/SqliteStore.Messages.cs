using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>What fan-out writes, and history.</summary>
public sealed partial class SqliteStore
{
    public async ValueTask WriteJudgedAsync(JudgedBatch batch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await writer.RunAsync(database =>
        {
            if (journal is not null) journal.Add(batch);
            else foreach (var message in batch.Messages) RowWrites.Write(database, message);
            foreach (var change in batch.Changes) Raise(database, change);
            foreach (var channel in batch.Channels) Upsert(database, channel);
            foreach (var receipt in batch.Receipts) Merge(database, receipt);
            if (journal is null) foreach (var request in batch.Requests) RowWrites.Write(database, request);
            if (batch.LogPartition is { } partition)
            {
                database["INSERT INTO partition_times VALUES (?1, ?2) ON CONFLICT DO UPDATE SET time = max(time, excluded.time)"]
                    .Bind(1, partition).Bind(2, batch.PartitionTime).Execute();
            }
            return true;
        });
    }

    public ValueTask<RequestRow?> FindRequestAsync(string channelId, string senderId, string requestId, CancellationToken cancellationToken)
    {
        var oldest = time.GetUtcNow().ToUnixTimeMilliseconds() - (long)options.RequestMemory.TotalMilliseconds;
        var recent = journal?.Find(new RequestKey(channelId, senderId, requestId));
        var stored = readers.Read((channelId, senderId, requestId, oldest), static (database, key) =>
        {
            var statement = database[Sql.FindRequest].Bind(1, key.channelId).Bind(2, key.senderId).Bind(3, key.requestId);
            try
            {
                if (!statement.Step() || statement.Int64(4) < key.oldest) return null;
                return new RequestRow(
                    key.channelId, key.senderId, key.requestId, statement.Int64(0), statement.OptionalUlid(1), (ulong)statement.Int64(2), statement.OptionalText(3), statement.Int64(4));
            }
            finally
            {
                statement.Reset();
            }
        });
        return new ValueTask<RequestRow?>(recent is null || recent.AppendTime < oldest || stored?.Position > recent.Position ? stored : recent);
    }

    public ValueTask<long?> FindPartitionTimeAsync(ushort logPartition, CancellationToken cancellationToken) =>
        new(readers.Read(logPartition, static (database, partition) =>
        {
            var statement = database["SELECT time FROM partition_times WHERE log_partition = ?1"].Bind(1, partition);
            try
            {
                return statement.Step() ? statement.Int64(0) : (long?)null;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public ValueTask<MessageRow?> FindMessageAsync(string channelId, Ulid messageId, CancellationToken cancellationToken) =>
        new(journal?.FindMessage(channelId, messageId) ?? readers.Read((channelId, messageId), static (database, key) =>
        {
            const string find = "SELECT message_id, sender_id, content_type, content, reply_to, channel_version FROM messages WHERE channel_id = ?1 AND message_id = ?2";
            var statement = database[find].Bind(1, key.channelId).Bind(2, key.messageId);
            try
            {
                return statement.Step() ? ReadMessage(statement, key.channelId) : null;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public ValueTask<IReadOnlyList<MessageRow>> ReadHistoryAsync(string channelId, Ulid? before, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        var recent = journal?.ReadHistory(channelId, before, limit);
        var stored = readers.Read((channelId, before, limit), static (database, page) =>
        {
            // 17 bytes of 0xFF are above every id.
            var statement = database[Sql.ReadHistory].Bind(1, page.channelId).Bind(3, page.limit);
            if (page.before is { } id) statement.Bind(2, id);
            else statement.Bind(2, [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]);
            try
            {
                var rows = new List<MessageRow>();
                while (statement.Step()) rows.Add(ReadMessage(statement, page.channelId));
                return rows;
            }
            finally
            {
                statement.Reset();
            }
        });
        var page = Merge(recent, stored, static row => row.MessageId, limit, descending: true);
        if (page.Count > 0) AddChanges(page);
        return new ValueTask<IReadOnlyList<MessageRow>>(page);
    }

    private static MessageRow ReadMessage(Statement row, string channelId) =>
        new(channelId, row.Ulid(0), row.Text(1), row.Text(2), row.Bytes(3), row.OptionalUlid(4), row.Int32(5));
}
