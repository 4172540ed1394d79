using Cassandra;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>
/// Inboxes and delivery's high-water marks. A reader goes on from the highest cursor that it saw, so rows of a user must not become visible out of their order: they are
/// written one request after the other, a new bucket just before its first row, and read in the opposite order, the list of buckets before the rows.
/// </summary>
public sealed partial class CassandraStore
{
    private const int BucketPage = 16;
    private const int InboxPage = 200;

    public ValueTask WriteDeliveredAsync(DeliveredBatch batch, CancellationToken cancellationToken) => OnRingAsync(async ring =>
    {
        await AllAsync(batch.Rows.GroupBy(row => row.UserId).ToList(), rows => WriteUserAsync(ring, [.. rows.OrderBy(row => row.Cursor)], cancellationToken));
        await AllAsync(
            batch.HighWater,
            mark => WriteAsync(ring, ring.Bind(ring.Cql.InsertHighWater, batch.InboxPartition, mark.Source, mark.Offset, RowTimes.OfValue(mark.Offset)), cancellationToken));
    });

    public ValueTask<IReadOnlyDictionary<long, long>> LoadHighWaterAsync(int inboxPartition, CancellationToken cancellationToken) =>
        OnRingAsync<IReadOnlyDictionary<long, long>>(async ring =>
        {
            var marks = new Dictionary<long, long>();
            await foreach (var row in ReadPagesAsync(ring, ring.Bind(ring.Cql.LoadHighWater, inboxPartition), RowPage, cancellationToken))
            {
                marks.Add(row.GetValue<long>("source"), row.GetValue<long>("source_offset"));
            }
            return marks;
        });

    public ValueTask<InboxCursor?> FindLatestCursorAsync(string userId, CancellationToken cancellationToken) => OnRingAsync<InboxCursor?>(async ring =>
    {
        // The newest bucket nearly always: one without rows is of a worker that was interrupted, or has expired.
        await foreach (var bucket in ReadPagesAsync(ring, ring.Bind(ring.Cql.ReadInboxBucketsDown, userId), BucketPage, cancellationToken))
        {
            var (epoch, week) = (bucket.GetValue<int>("epoch"), bucket.GetValue<int>("bucket"));
            if (await ReadOneAsync(ring, ring.Bind(ring.Cql.FindLastOffset, userId, epoch, week), cancellationToken) is { } last)
            {
                return new InboxCursor(epoch, week, last.GetValue<long>("inbox_offset"));
            }
        }
        return null;
    });

    public ValueTask<IReadOnlyList<InboxRow>> ReadInboxAsync(string userId, InboxCursor after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return OnRingAsync<IReadOnlyList<InboxRow>>(async ring =>
        {
            var rows = new List<InboxRow>();
            await foreach (var bucket in ReadPagesAsync(ring, ring.Bind(ring.Cql.ReadInboxBuckets, userId, after.Epoch, after.Bucket), BucketPage, cancellationToken))
            {
                var (epoch, week) = (bucket.GetValue<int>("epoch"), bucket.GetValue<int>("bucket"));
                var above = (epoch, week) == (after.Epoch, after.Bucket) ? after.Offset : long.MinValue;
                await foreach (var row in ReadPagesAsync(ring, ring.Bind(ring.Cql.ReadInbox, userId, epoch, week, above, limit - rows.Count), InboxPage, cancellationToken))
                {
                    rows.Add(new InboxRow(userId, new InboxCursor(epoch, week, row.GetValue<long>("inbox_offset")), row.GetValue<byte[]>("payload")));
                }
                if (rows.Count >= limit) break;
            }
            return rows;
        });
    }

    /// <summary>One user's rows, in the order of their cursors. The first that fails is the last.</summary>
    private async Task WriteUserAsync(Ring ring, List<InboxRow> rows, CancellationToken cancellationToken)
    {
        var start = 0;
        while (start < rows.Count)
        {
            var (user, epoch, week) = (rows[start].UserId, rows[start].Cursor.Epoch, rows[start].Cursor.Bucket);
            var inBucket = rows.FindIndex(start, row => row.Cursor.Epoch != epoch || row.Cursor.Bucket != week);
            var bucketEnd = inBucket < 0 ? rows.Count : inBucket;
            if (!IsKnown(inboxBuckets, (user, epoch, week)))
            {
                await WriteAsync(ring, ring.Bind(ring.Cql.InsertInboxBucket, user, epoch, week, RowTimes.OfWeek(week)), cancellationToken);
                Remember(inboxBuckets, (user, epoch, week));
            }
            while (start < bucketEnd)
            {
                var count = Math.Min(bucketEnd - start, PartitionBatches.CountFrom(rows, start, BatchRows, BatchBytes, static row => row.Payload.Length + 100));
                await WriteAsync(ring, PartitionBatches.Of([.. rows.GetRange(start, count).Select(row => Insert(ring, row))]), cancellationToken);
                start += count;
            }
        }
    }

    private static BoundStatement Insert(Ring ring, InboxRow row) =>
        ring.Bind(ring.Cql.InsertInbox, row.UserId, row.Cursor.Epoch, row.Cursor.Bucket, row.Cursor.Offset, row.Payload, RowTimes.OfWeek(row.Cursor.Bucket));
}
