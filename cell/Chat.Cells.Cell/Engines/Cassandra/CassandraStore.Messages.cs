using Cassandra;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>What fan-out writes, and history.</summary>
public sealed partial class CassandraStore
{
    private const int MessagePage = 50;

    /// <summary>Beyond the memory, so that no row expires while it may still be asked for by a server whose clock is off.</summary>
    private static readonly TimeSpan ExpirySlack = TimeSpan.FromHours(1);

    public ValueTask WriteJudgedAsync(JudgedBatch batch, CancellationToken cancellationToken) => OnRingAsync(async ring =>
    {
        await AllAsync(ByPartition(batch.Messages), group => WriteMessagesAsync(ring, group.Channel, group.Month, group.Rows, cancellationToken));
        await AllAsync(batch.Changes, change => WriteAsync(ring, Raise(ring, change), cancellationToken));
        await AllAsync(batch.Channels.GroupBy(c => c.ChannelId).ToList(), changes => WriteChangesAsync(ring, changes, cancellationToken));
        await AllAsync(batch.Receipts.GroupBy(r => r.ChannelId).ToList(), receipts => WriteReceiptsAsync(ring, receipts, cancellationToken));
        await AllAsync(batch.Requests, request => WriteRequestAsync(ring, request, cancellationToken));
        if (batch.LogPartition is { } partition)
        {
            await WriteAsync(ring, ring.Bind(ring.Cql.InsertPartitionTime, (int)partition, batch.PartitionTime, RowTimes.OfValue(batch.PartitionTime)), cancellationToken);
        }
    });

    public ValueTask<RequestRow?> FindRequestAsync(string channelId, string senderId, string requestId, CancellationToken cancellationToken) => OnRingAsync(async ring =>
    {
        var oldest = time.GetUtcNow().ToUnixTimeMilliseconds() - (long)options.RequestMemory.TotalMilliseconds;
        var row = await ReadOneAsync(ring, ring.Bind(ring.Cql.FindRequest, channelId, senderId, requestId), cancellationToken);
        if (row is null || row.GetValue<long>("append_time") < oldest) return null;
        return new RequestRow(
            channelId,
            senderId,
            requestId,
            row.GetValue<long>("position"),
            OptionalUlid(row, "message_id"),
            (ulong)row.GetValue<long>("content_hash"),
            row.GetValue<string?>("error_code"),
            row.GetValue<long>("append_time"));
    });

    public ValueTask<long?> FindPartitionTimeAsync(ushort logPartition, CancellationToken cancellationToken) => OnRingAsync(async ring =>
        (await ReadOneAsync(ring, ring.Bind(ring.Cql.FindPartitionTime, (int)logPartition), cancellationToken))?.GetValue<long>("time"));

    public ValueTask<MessageRow?> FindMessageAsync(string channelId, Ulid messageId, CancellationToken cancellationToken) => OnRingAsync(async ring =>
        await ReadOneAsync(ring, ring.Bind(ring.Cql.FindMessage, channelId, RowTimes.MonthOf(messageId), messageId.ToByteArray()), cancellationToken) is { } row
            ? ReadMessage(row, channelId)
            : null);

    public ValueTask<IReadOnlyList<MessageRow>> ReadHistoryAsync(string channelId, Ulid? before, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return OnRingAsync<IReadOnlyList<MessageRow>>(async ring =>
        {
            // 17 bytes of 0xFF are above every id.
            var bound = before?.ToByteArray() ?? [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255];
            var rows = new List<MessageRow>();
            var buckets = ring.Bind(ring.Cql.ReadChannelBuckets, channelId, before is { } id ? RowTimes.MonthOf(id) : int.MaxValue);
            await foreach (var bucket in ReadPagesAsync(ring, buckets, BucketPage, cancellationToken))
            {
                var page = ring.Bind(ring.Cql.ReadHistory, channelId, bucket.GetValue<int>("bucket"), bound, limit - rows.Count);
                var first = rows.Count;
                await foreach (var row in ReadPagesAsync(ring, page, MessagePage, cancellationToken)) rows.Add(ReadMessage(row, channelId));
                if (rows.Count > first) await AddChangesAsync(ring, rows, first, bucket.GetValue<int>("bucket"), cancellationToken);
                if (rows.Count >= limit) break;
            }
            return rows;
        });
    }

    private static MessageRow ReadMessage(Row row, string channelId) => new(
        channelId,
        new Ulid(row.GetValue<byte[]>("message_id")),
        row.GetValue<string>("sender_id"),
        row.GetValue<string>("content_type"),
        row.GetValue<byte[]>("content"),
        OptionalUlid(row, "reply_to"),
        row.GetValue<int>("channel_version"));

    private static Ulid? OptionalUlid(Row row, string column) => row.IsNull(column) ? null : new Ulid(row.GetValue<byte[]>(column));

    /// <summary>What a value that may be missing is bound to: a null would write a tombstone.</summary>
    private static object Optional(object? value) => value ?? Unset.Value;

    private static List<(string Channel, int Month, List<MessageRow> Rows)> ByPartition(IReadOnlyList<MessageRow> messages)
    {
        var groups = new List<(string Channel, int Month, List<MessageRow> Rows)>();
        var index = new Dictionary<(string, int), int>(messages.Count);
        foreach (var message in messages)
        {
            var month = RowTimes.MonthOf(message.MessageId);
            if (!index.TryGetValue((message.ChannelId, month), out var at))
            {
                index[(message.ChannelId, month)] = at = groups.Count;
                groups.Add((message.ChannelId, month, []));
            }
            groups[at].Rows.Add(message);
        }
        return groups;
    }

    /// <summary>The bucket's own row first: a bucket without messages does no harm, messages that no reader looks for would be lost to it.</summary>
    private async Task WriteMessagesAsync(Ring ring, string channelId, int month, List<MessageRow> rows, CancellationToken cancellationToken)
    {
        if (!IsKnown(channelBuckets, (channelId, month)))
        {
            await WriteAsync(ring, ring.Bind(ring.Cql.InsertChannelBucket, channelId, month, RowTimes.OfMonth(month)), cancellationToken);
            Remember(channelBuckets, (channelId, month));
        }
        var chunks = new List<(int Start, int Count)>();
        for (var start = 0; start < rows.Count; start += chunks[^1].Count)
        {
            chunks.Add((start, PartitionBatches.CountFrom(rows, start, BatchRows, BatchBytes, static message => message.Content.Length + 200)));
        }
        await AllAsync(chunks, chunk => WriteAsync(ring, PartitionBatches.Of([.. rows.GetRange(chunk.Start, chunk.Count).Select(message => Insert(ring, message, month))]), cancellationToken));
    }

    private static BoundStatement Insert(Ring ring, MessageRow message, int month) => ring.Bind(
        ring.Cql.InsertMessage,
        message.ChannelId,
        month,
        message.MessageId.ToByteArray(),
        message.SenderId,
        message.ContentType,
        message.Content,
        Optional(message.ReplyTo?.ToByteArray()),
        message.ChannelVersion,
        RowTimes.OfId(message.MessageId));

    private Task WriteRequestAsync(Ring ring, RequestRow request, CancellationToken cancellationToken)
    {
        var age = time.GetUtcNow().ToUnixTimeMilliseconds() - request.AppendTime;
        var timeToLive = (long)(options.RequestMemory + ExpirySlack).TotalSeconds - (age / 1000);
        // A replay of what is forgotten anyway.
        if (timeToLive <= 0) return Task.CompletedTask;
        return WriteAsync(
            ring,
            ring.Bind(
                ring.Cql.InsertRequest,
                request.ChannelId,
                request.SenderId,
                request.RequestId,
                request.Position,
                Optional(request.MessageId?.ToByteArray()),
                (long)request.ContentHash,
                Optional(request.ErrorCode),
                request.AppendTime,
                RowTimes.OfAppend(request.AppendTime),
                (int)Math.Min(timeToLive, MaxTimeToLive)),
            cancellationToken);
    }

    /// <summary>Where the append time lies in this server's future: no longer than twice the memory.</summary>
    private long MaxTimeToLive => 2 * (long)options.RequestMemory.TotalSeconds;
}
