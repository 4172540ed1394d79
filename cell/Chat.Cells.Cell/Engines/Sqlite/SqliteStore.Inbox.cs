using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Inboxes and delivery's high-water marks.</summary>
public sealed partial class SqliteStore
{
    public async ValueTask WriteDeliveredAsync(DeliveredBatch batch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await writer.RunAsync(database =>
        {
            foreach (var row in batch.Rows)
            {
                database["INSERT INTO user_inbox VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING"]
                    .Bind(1, row.UserId)
                    .Bind(2, row.Cursor.Epoch)
                    .Bind(3, row.Cursor.Bucket)
                    .Bind(4, row.Cursor.Offset)
                    .Bind(5, row.Payload.Span)
                    .Execute();
            }
            foreach (var mark in batch.HighWater)
            {
                database["INSERT INTO high_water VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET source_offset = max(source_offset, excluded.source_offset)"]
                    .Bind(1, batch.InboxPartition).Bind(2, mark.Source).Bind(3, mark.Offset).Execute();
            }
            return true;
        });
    }

    public ValueTask<IReadOnlyDictionary<long, long>> LoadHighWaterAsync(int inboxPartition, CancellationToken cancellationToken) =>
        new(readers.Read(inboxPartition, static (database, partition) =>
        {
            var statement = database["SELECT source, source_offset FROM high_water WHERE inbox_partition = ?1"].Bind(1, partition);
            try
            {
                var marks = new Dictionary<long, long>();
                while (statement.Step()) marks.Add(statement.Int64(0), statement.Int64(1));
                return marks;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public ValueTask<InboxCursor?> FindLatestCursorAsync(string userId, CancellationToken cancellationToken) =>
        new(readers.Read(userId, static (database, userId) =>
        {
            var statement = database[Sql.LatestCursor].Bind(1, userId);
            try
            {
                return statement.Step() ? ReadCursor(statement) : (InboxCursor?)null;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public ValueTask<IReadOnlyList<InboxRow>> ReadInboxAsync(string userId, InboxCursor after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return new ValueTask<IReadOnlyList<InboxRow>>(readers.Read((userId, after, limit), static (database, page) =>
        {
            var statement = database[Sql.ReadInbox]
                .Bind(1, page.userId)
                .Bind(2, page.after.Epoch)
                .Bind(3, page.after.Bucket)
                .Bind(4, page.after.Offset)
                .Bind(5, page.limit);
            try
            {
                var rows = new List<InboxRow>();
                while (statement.Step()) rows.Add(new InboxRow(page.userId, ReadCursor(statement), statement.Bytes(3)));
                return rows;
            }
            finally
            {
                statement.Reset();
            }
        }));
    }

    private static InboxCursor ReadCursor(Statement row) => new(row.Int32(0), row.Int32(1), row.Int64(2));
}
