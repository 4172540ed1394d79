using Cassandra;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

/// <summary>Interruptions, two workers at once, late writers, wrong clocks: in the end the store is as if everything had been written once, in order.</summary>
[Needs(Needed.Cassandra)]
[Collection("Cassandra")]
public sealed class CassandraReplayTests(CassandraRing ring) : IClassFixture<CassandraRing>
{
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(10);
    private static readonly byte[] Content = "text"u8.ToArray();

    private readonly string unique = Ulid.NewUlid().ToString();
    private readonly long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private string Channel => $"g.cell.{unique}";

    private string User(int number) => $"cell.{unique}{number}";

    [Fact]
    public async Task Batch_InterruptedAtEveryStatement_IsWholeWhenWrittenAgain()
    {
        var session = new FaultySession();
        await using var store = await ring.OpenAsync(change: o => o with { Between = session.Before });
        await using var other = await ring.OpenAsync();
        session.Plan(static _ => FaultySession.Fault.None);
        await store.WriteJudgedAsync(Batch(Channel + "whole"), default);
        var statements = session.Executed;
        var expected = await DescribeAsync(other, Channel + "whole");
        Assert.True(statements > 10);

        for (var at = 0; at < statements; at++)
        {
            var channel = Channel + at;
            var fault = at % 2 == 0 ? FaultySession.Fault.Lost : FaultySession.Fault.DoneButTimedOut;
            session.Plan(n => n == at ? fault : FaultySession.Fault.None);
            await Assert.ThrowsAsync<StoreException>(async () => await store.WriteJudgedAsync(Batch(channel), default));
            // The worker died; another one writes the batch again.
            await other.WriteJudgedAsync(Batch(channel), default);
            Assert.Equal(expected, await DescribeAsync(other, channel));
        }
    }

    [Fact]
    public async Task Batch_OfALateWorkerWithAFastClock_TakesNothingBack()
    {
        await using var fast = await ring.OpenAsync(new ShiftedTime(Skew));
        await using var slow = await ring.OpenAsync(new ShiftedTime(-Skew));
        var early = Changes(Channel, 10, members: [1, 2, 3], upTo: 1);
        var late = Changes(Channel, 20, members: [1, 4], upTo: 5);
        var partition = (ushort)Random.Shared.Next(1, 50_000);
        await slow.WriteJudgedAsync(early with { LogPartition = partition, PartitionTime = now }, default);
        await slow.WriteJudgedAsync(late with { LogPartition = partition, PartitionTime = now + 5 }, default);
        var expected = await DescribeAsync(slow, Channel);

        await fast.WriteJudgedAsync(early with { LogPartition = partition, PartitionTime = now }, default);

        Assert.Equal(expected, await DescribeAsync(slow, Channel));
        Assert.Equal(now + 5, await slow.FindPartitionTimeAsync(partition, default));
        Assert.Equal([Channel], await slow.ListChannelsAsync(User(4), null, 10, default));
        Assert.Empty(await slow.ListChannelsAsync(User(3), null, 10, default));
    }

    [Fact]
    public async Task Batches_OfTwoWorkersAtOnce_EndAsIfWrittenByOne()
    {
        await using var fast = await ring.OpenAsync(new ShiftedTime(Skew));
        await using var slow = await ring.OpenAsync(new ShiftedTime(-Skew));
        JudgedBatch[] BatchesOf(string channel) => [.. Enumerable.Range(1, 8).Select(i => Changes(channel, i * 10, [.. Enumerable.Range(1, 1 + (i % 4))], upTo: i))];
        foreach (var batch in BatchesOf(Channel + "one")) await slow.WriteJudgedAsync(batch, default);

        // The one that was paused wakes up in the middle and goes on from where it stood, while its successor began anew.
        var batches = BatchesOf(Channel + "two");
        await Task.WhenAll(
            Task.Run(async () =>
            {
                foreach (var batch in batches) await slow.WriteJudgedAsync(batch, default);
            }),
            Task.Run(async () =>
            {
                foreach (var batch in batches[..5]) await fast.WriteJudgedAsync(batch, default);
            }));

        Assert.Equal(await DescribeAsync(slow, Channel + "one"), await DescribeAsync(slow, Channel + "two"));
    }

    [Fact]
    public async Task Rows_WrittenAgainByAnotherServer_AreTheSameCells()
    {
        await using var slow = await ring.OpenAsync(new ShiftedTime(-Skew));
        await using var fast = await ring.OpenAsync(new ShiftedTime(Skew));
        await slow.WriteJudgedAsync(Batch(Channel), default);
        await slow.WriteDeliveredAsync(Delivered(1), default);
        var before = await WriteTimesAsync();

        await fast.WriteJudgedAsync(Batch(Channel), default);
        await fast.WriteDeliveredAsync(Delivered(1), default);

        Assert.Equal(before, await WriteTimesAsync());

        async Task<string> WriteTimesAsync()
        {
            var lines = new List<string>();
            foreach (var (table, column) in new[]
            {
                ("messages", "content"), ("message_changes", "change"), ("requests", "append_time"), ("channels", "position"), ("channels", "user_id"), ("user_channels", "member"), ("read_receipts", "read_up_to"),
                ("user_inbox", "payload"), ("high_water", "source_offset"), ("partition_times", "time"),
            })
            {
                var rows = await ring.Session.ExecuteAsync(new SimpleStatement($"SELECT writetime({column}) AS written FROM {ring.Keyspace}.{table}"));
                Assert.NotEmpty(rows);
                lines.AddRange(rows.Select(row => $"{table} {row.GetValue<long?>("written")}").Order());
            }
            return string.Join('\n', lines);
        }
    }

    [Fact]
    public async Task Store_AfterItsWork_HoldsNoTombstones()
    {
        await using var store = await ring.OpenAsync();
        await store.WriteJudgedAsync(Batch(Channel), default);
        await store.WriteJudgedAsync(Changes(Channel, 60, members: [1], upTo: 3) with { Channels = [Row(Channel, 60, [1]) with { Name = null }] }, default);
        await store.WriteDeliveredAsync(Delivered(2), default);

        // A null that was written would be a tombstone; of one that wasn't there is no write time either, so a column that has one has a value.
        foreach (var (table, columns) in new[]
        {
            ("messages", new[] { "reply_to", "content" }), ("requests", ["message_id", "error_code"]), ("channels", ["left_at"]), ("read_receipts", ["delivered_up_to", "read_up_to"]),
        })
        {
            foreach (var column in columns)
            {
                var rows = await ring.Session.ExecuteAsync(new SimpleStatement($"SELECT {column}, writetime({column}) AS written FROM {ring.Keyspace}.{table}"));
                Assert.All(rows, row => Assert.Equal(row.IsNull(column), row.IsNull("written")));
            }
        }
        Assert.Null((await store.FindChannelAsync(Channel, default))!.Name);
    }

    [Fact]
    public async Task Channel_OfThousandsOfIntervals_IsOneMutationAndReadInPages()
    {
        await using var store = await ring.OpenAsync();
        var channel = Row(Channel, 5_000, []) with { Members = [.. Enumerable.Range(0, 2_500).Select(i => new MemberInterval(User(i % 50), MemberRole.Member, i, i < 2_450 ? i + 50 : null, i + 1))] };

        await store.WriteJudgedAsync(new JudgedBatch(null, 0, [], [], [channel], [], []), default);

        Assert.Equal(channel.Members, (await store.FindChannelAsync(Channel, default))!.Members);
        // Fewer afterwards: what is left of the longer row is not read.
        var shorter = Row(Channel, 5_010, [1, 2]);
        await store.WriteJudgedAsync(new JudgedBatch(null, 0, [], [], [shorter], [], []), default);
        Assert.Equal(shorter.Members, (await store.FindChannelAsync(Channel, default))!.Members);
        Assert.Empty(await store.ListChannelsAsync(User(7), null, 10, default));
    }

    [Fact]
    public async Task Inbox_WhileItIsWritten_IsNeverReadWithAGap()
    {
        await using var store = await ring.OpenAsync();
        await using var reader = await ring.OpenAsync();
        const int rows = 1_500;
        var writing = Task.Run(async () =>
        {
            // Over a turn of the week, in batches of several requests.
            for (var start = 0; start < rows; start += 250)
            {
                var batch = Enumerable.Range(start, 250).Select(i => new InboxRow(User(1), new InboxCursor(1, 2900 + (i / 400), i), new byte[600]));
                await store.WriteDeliveredAsync(new DeliveredBatch(1, [.. batch.Reverse()], []), default);
            }
        });

        var cursor = InboxCursor.Start;
        var next = 0;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (next < rows)
        {
            foreach (var row in await reader.ReadInboxAsync(User(1), cursor, 100, limit.Token))
            {
                Assert.Equal(next++, row.Cursor.Offset);
                cursor = row.Cursor;
            }
        }
        await writing;
        Assert.Equal(cursor, await reader.FindLatestCursorAsync(User(1), default));
    }

    [Fact]
    public async Task Inbox_InterruptedAtEveryRequest_IsWrittenInOrderAndWholeAfterwards()
    {
        var session = new FaultySession();
        await using var store = await ring.OpenAsync(change: o => o with { Between = session.Before });
        await using var other = await ring.OpenAsync();
        const int rows = 200;
        for (var at = 0; at < 6; at++)
        {
            var user = User(100 + at);
            var batch = new DeliveredBatch(1, [.. Enumerable.Range(0, rows).Select(i => new InboxRow(user, new InboxCursor(1, 2900 + (i / 100), i), new byte[1000]))], []);
            session.Plan(n => n == at ? FaultySession.Fault.Lost : FaultySession.Fault.None);
            await Assert.ThrowsAsync<StoreException>(async () => await store.WriteDeliveredAsync(batch, default));
            var seen = await other.ReadInboxAsync(user, InboxCursor.Start, rows + 1, default);
            Assert.True(seen.Count < rows);
            Assert.Equal(Enumerable.Range(0, seen.Count).Select(i => (long)i), seen.Select(row => row.Cursor.Offset));

            await other.WriteDeliveredAsync(batch, default);
            Assert.Equal(rows, (await other.ReadInboxAsync(user, InboxCursor.Start, rows + 1, default)).Count);
        }
    }

    private static RequestRow Request(string channel, string sender, string id, long position, long appendTime, Ulid? message) =>
        new(channel, sender, id, position, message, (ulong)position, message is null ? "not_member" : null, appendTime);

    private ChannelRow Row(string channel, long position, int[] members) => new(
        channel, ChannelType.Group, $"at {position}", "cell", (int)(position / 10), position, now, [.. members.Select(i => new MemberInterval(User(i), MemberRole.Member, position, null, 1))]);

    private JudgedBatch Changes(string channel, long position, int[] members, int upTo) => new(
        null, 0, [], [Change(channel, 1, (int)position)], [Row(channel, position, members)], [new ReceiptRow(channel, User(1), Id(upTo), Id(upTo))], [Request(channel, User(1), "again", position, now - 100_000 + position, null)]);

    private Ulid Id(long offset) => MessageId.Create(now, 1, 1, offset);

    private JudgedBatch Batch(string channel) => new(
        7,
        now,
        [.. Enumerable.Range(0, 3).Select(i => new MessageRow(channel, Id(i), User(1), "text", Content, i == 1 ? Id(0) : null, 1))],
        [Change(channel, 0, 7), Change(channel, 0, 5), Change(channel, 5, 6)],
        [Row(channel, 10, [1, 2, 3]), Row(channel, 20, [1, 2])],
        [new ReceiptRow(channel, User(1), Id(1), Id(0)), new ReceiptRow(channel, User(2), Id(2), null)],
        [.. Enumerable.Range(0, 3).Select(i => Request(channel, User(1), $"r{i}", i, now + i, i == 2 ? null : Id(i)))]);

    private MessageChange Change(string channel, int message, int number) => new(channel, Id(message), Id(number), number % 2 == 0, User(1), "text", new[] { (byte)number });

    private DeliveredBatch Delivered(int partition) => new(
        partition, [.. Enumerable.Range(0, 10).Select(i => new InboxRow(User(i % 3), new InboxCursor(1, InboxCursor.BucketOf(now), i), Content))], [new HighWaterMark(1, 9)]);

    private async Task<string> DescribeAsync(IMessageStore store, string channel)
    {
        var lines = new List<string>();
        foreach (var message in await store.ReadHistoryAsync(channel, null, 100, default)) lines.Add($"{message.MessageId} {message.SenderId} {message.ReplyTo} {message.ChannelVersion} {message.Change?.EventId}");
        for (var id = 0; id < 6; id++) lines.Add($"{(await store.FindChangeAsync(channel, Id(id), default))?.EventId}");
        foreach (var receipt in await store.ReadReceiptsAsync(channel, default)) lines.Add($"{receipt.UserId} {receipt.DeliveredUpTo} {receipt.ReadUpTo}");
        if (await store.FindChannelAsync(channel, default) is { } row) lines.Add($"{row.Name} {row.Version} {row.Position} {string.Join(' ', row.Members)}");
        for (var user = 1; user < 5; user++) lines.Add($"{user}: {(await store.ListChannelsAsync(User(user), null, 10_000, default)).Contains(channel)}");
        foreach (var id in new[] { "r0", "r1", "r2", "again" })
        {
            if (await store.FindRequestAsync(channel, User(1), id, default) is { } request) lines.Add($"{id} {request.Position} {request.MessageId} {request.ContentHash} {request.ErrorCode}");
        }
        return string.Join('\n', lines);
    }
}
