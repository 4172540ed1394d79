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
            if (journal is not null) journal.Add(batch);
            else foreach (var row in batch.Rows) RowWrites.Write(database, row);
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

    public ValueTask<InboxCursor?> FindLatestCursorAsync(string userId, CancellationToken cancellationToken)
    {
        var recent = journal?.LatestCursor(userId);
        var stored = readers.Read(userId, static (database, userId) =>
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
        });
        return new ValueTask<InboxCursor?>(stored is null || recent > stored ? recent : stored);
    }

    public ValueTask<IReadOnlyList<InboxRow>> ReadInboxAsync(string userId, InboxCursor after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        var recent = journal?.ReadInbox(userId, after, limit);
        var stored = readers.Read((userId, after, limit), static (database, page) =>
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
        });
        return new ValueTask<IReadOnlyList<InboxRow>>(Merge(recent, stored, static row => row.Cursor, limit, descending: false));
    }

    /// <summary>What the journal and the table hold, each key once, in order.</summary>
    private static List<TRow> Merge<TKey, TRow>(List<(TKey Key, TRow Row)>? recent, List<TRow> stored, Func<TRow, TKey> keyOf, int limit, bool descending)
        where TKey : struct, IComparable<TKey>
    {
        if (recent is null || recent.Count == 0) return stored;
        foreach (var row in stored) recent.Add((keyOf(row), row));
        recent.Sort(descending ? static (a, b) => b.Key.CompareTo(a.Key) : static (a, b) => a.Key.CompareTo(b.Key));
        var merged = new List<TRow>(Math.Min(limit, recent.Count));
        for (var i = 0; i < recent.Count && merged.Count < limit; i++)
        {
            if (i == 0 || recent[i].Key.CompareTo(recent[i - 1].Key) != 0) merged.Add(recent[i].Row);
        }
        return merged;
    }

    private static InboxCursor ReadCursor(Statement row) => new(row.Int32(0), row.Int32(1), row.Int64(2));
}
