using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>What every <see cref="IMessageStore"/> owes its callers. Ids are unique to each test, so it may run on shared servers.</summary>
public abstract partial class MessageStoreContract : IAsyncLifetime
{
    protected const long Now = 1_790_000_000_000;

    protected static readonly byte[] Content = "text"u8.ToArray();

    protected string Unique { get; } = Ulid.NewUlid().ToString();
    protected string Channel => $"g.cell.{Unique}";
    protected IMessageStore Store { get; private set; } = null!;

    /// <summary>Opens the store, whose clock stands at <see cref="Now"/> or soon after; the second time it has to find what the first one left.</summary>
    protected abstract ValueTask<IMessageStore> OpenAsync();

    protected abstract ValueTask CleanUpAsync();

    /// <summary>For the line at the end of the run; null where it says nothing.</summary>
    protected virtual string? EngineVersion => null;

    public async Task InitializeAsync()
    {
        Store = await OpenAsync();
        ContractRuns.Ran(GetType(), EngineVersion);
    }

    public async Task DisposeAsync()
    {
        await Store.DisposeAsync();
        await CleanUpAsync();
    }

    protected string User(int number) => $"cell.{Unique}{number}";

    protected static Ulid Id(long time, long offset) => MessageId.Create(time, 1, 1, offset);

    protected MessageRow Message(Ulid id, string sender = "sender", int version = 1) => new(Channel, id, sender, "text", Content, null, version);

    protected static JudgedBatch Judged(
        IReadOnlyList<MessageRow>? messages = null,
        IReadOnlyList<ChannelRow>? channels = null,
        IReadOnlyList<ReceiptRow>? receipts = null,
        IReadOnlyList<RequestRow>? requests = null,
        IReadOnlyList<MessageChange>? changes = null,
        ushort? partition = null,
        long time = 0) => new(partition, time, messages ?? [], changes ?? [], channels ?? [], receipts ?? [], requests ?? []);

    protected ValueTask WriteAsync(JudgedBatch batch) => Store.WriteJudgedAsync(batch, default);

    protected static void AssertSame(MessageRow expected, MessageRow? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected with { Content = default }, actual with { Content = default });
        Assert.Equal(expected.Content.ToArray(), actual.Content.ToArray());
    }

    protected static void AssertSame(ChannelRow expected, ChannelRow? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected.Members, actual.Members);
        Assert.Equal(expected, actual with { Members = expected.Members });
    }

    [Fact]
    public async Task Messages_OfSeveralMonths_ComeNewestFirstInPages()
    {
        const long month = 31L * 24 * 3600 * 1000;
        var ids = Enumerable.Range(0, 25).Select(i => Id(Now - (24 - i) * month / 4, i)).ToList();
        await WriteAsync(Judged([.. ids.Select(id => Message(id))]));

        var read = new List<Ulid>();
        Ulid? before = null;
        while (true)
        {
            var page = await Store.ReadHistoryAsync(Channel, before, 7, default);
            if (page.Count == 0) break;
            Assert.True(page.Count <= 7);
            read.AddRange(page.Select(message => message.MessageId));
            before = page[^1].MessageId;
        }

        Assert.Equal(ids.OrderDescending(), read);
    }

    [Fact]
    public async Task History_OfAnUnknownChannel_IsEmpty() => Assert.Empty(await Store.ReadHistoryAsync(Channel, null, 10, default));

    [Fact]
    public async Task History_HighestPossibleId_IsFound()
    {
        await WriteAsync(Judged([Message(Ulid.MaxValue)]));

        Assert.Equal(Ulid.MaxValue, Assert.Single(await Store.ReadHistoryAsync(Channel, null, 10, default)).MessageId);
    }

    [Fact]
    public async Task Message_WrittenAndRead_IsTheSame()
    {
        var message = new MessageRow(Channel, Id(Now, 1), "a sender", "text", new byte[400_000], Id(Now, 0), 7);
        var empty = message with { MessageId = Id(Now, 2), Content = default, ReplyTo = null };
        await WriteAsync(Judged([message, empty]));

        AssertSame(message, await Store.FindMessageAsync(Channel, message.MessageId, default));
        AssertSame(empty, await Store.FindMessageAsync(Channel, empty.MessageId, default));
        Assert.Null(await Store.FindMessageAsync(Channel, Id(Now, 3), default));
        Assert.Null(await Store.FindMessageAsync(Channel + "x", message.MessageId, default));
    }

    [Fact]
    public async Task Everything_AfterReopen_IsStillThere()
    {
        var message = Message(Id(Now, 1));
        await WriteAsync(Judged([message], [Group(1, 0, [1])], partition: 9, time: Now));
        await Store.DeliverAsync(3, [Row(1, 5)], [new HighWaterMark(1, 5)]);

        await Store.DisposeAsync();
        Store = await OpenAsync();

        AssertSame(message, await Store.FindMessageAsync(Channel, message.MessageId, default));
        AssertSame(Group(1, 0, [1]), await Store.FindChannelAsync(Channel, default));
        Assert.Equal(Row(1, 5).Cursor, await Store.FindLatestCursorAsync(User(1), default));
    }

    [Fact]
    public async Task PartitionTime_LowerThanBefore_ChangesNothing()
    {
        var partition = (ushort)Random.Shared.Next(60_000, 65_000);
        var known = await Store.FindPartitionTimeAsync(partition, default) ?? Now;
        await WriteAsync(Judged(partition: partition, time: known + 10));
        await WriteAsync(Judged(partition: partition, time: known + 5));

        Assert.Equal(known + 10, await Store.FindPartitionTimeAsync(partition, default));
    }

    [Fact]
    public async Task PartitionTime_NeverWritten_IsNull() => Assert.Null(await Store.FindPartitionTimeAsync(65_500, default));

    [Fact]
    public async Task Request_WrittenAndRead_IsTheSame()
    {
        var accepted = new RequestRow(Channel, User(1), "r-1", 17, Id(Now, 17), ulong.MaxValue - 3, null, Now - 1000);
        var refused = new RequestRow(Channel, User(1), "r-2", 18, null, 5, "not_member", Now - 1000);
        await WriteAsync(Judged(requests: [accepted, refused]));

        Assert.Equal(accepted, await Store.FindRequestAsync(Channel, User(1), "r-1", default));
        Assert.Equal(refused, await Store.FindRequestAsync(Channel, User(1), "r-2", default));
        Assert.Null(await Store.FindRequestAsync(Channel, User(2), "r-1", default));
        Assert.Null(await Store.FindRequestAsync(Channel, User(1), "R-1", default));
    }

    [Fact]
    public async Task Request_OlderThanTheLog_IsForgotten()
    {
        var kept = (long)RequestRow.KeptFor.TotalMilliseconds;
        await WriteAsync(Judged(requests:
        [
            new RequestRow(Channel, User(1), "old", 1, Id(Now, 1), 0, null, Now - kept - 60_000),
            new RequestRow(Channel, User(1), "young", 2, Id(Now, 2), 0, null, Now - kept + 600_000),
        ]));

        Assert.Null(await Store.FindRequestAsync(Channel, User(1), "old", default));
        Assert.NotNull(await Store.FindRequestAsync(Channel, User(1), "young", default));
    }

    [Fact]
    public async Task Channel_WrittenAndRead_IsTheSame()
    {
        var channel = new ChannelRow(
            Channel, ChannelType.Group, "A name", "cell", 3, 40, Now,
            [
                new MemberInterval(User(1), MemberRole.Owner, 0, null, 1),
                new MemberInterval(User(2), MemberRole.Member, 0, 20, 1),
                new MemberInterval(User(2), MemberRole.Admin, 40, null, 3),
            ]);
        await WriteAsync(Judged(channels: [channel]));

        AssertSame(channel, await Store.FindChannelAsync(Channel, default));
        Assert.Null(await Store.FindChannelAsync(Channel + "x", default));
    }

    [Fact]
    public async Task Channel_OfALowerPosition_ChangesNothing()
    {
        await WriteAsync(Judged(channels: [Group(2, 20, [1, 2])]));
        await WriteAsync(Judged(channels: [Group(1, 10, [1, 3])]));

        AssertSame(Group(2, 20, [1, 2]), await Store.FindChannelAsync(Channel, default));
        Assert.Empty(await Store.ListChannelsAsync(User(3), null, 10, default));
        Assert.Equal([Channel], await Store.ListChannelsAsync(User(2), null, 10, default));
    }

    [Fact]
    public async Task Channel_MembersGoneAndClosed_AreNoLongerListed()
    {
        await WriteAsync(Judged(channels: [Group(1, 10, [1, 2, 3])]));
        var next = Group(2, 20, [1]) with
        {
            Members = [new MemberInterval(User(1), MemberRole.Owner, 10, null, 1), new MemberInterval(User(2), MemberRole.Member, 10, 20, 1)],
        };
        await WriteAsync(Judged(channels: [next]));

        Assert.Equal([Channel], await Store.ListChannelsAsync(User(1), null, 10, default));
        Assert.Empty(await Store.ListChannelsAsync(User(2), null, 10, default));
        Assert.Empty(await Store.ListChannelsAsync(User(3), null, 10, default));
    }

    [Fact]
    public async Task ListChannels_InPages_ComesById()
    {
        var ids = Enumerable.Range(0, 10).Select(i => $"{Channel}.{i}").ToList();
        await WriteAsync(Judged(channels: [.. ids.AsEnumerable().Reverse().Select(id => Group(1, 1, [1]) with { ChannelId = id })]));

        var first = await Store.ListChannelsAsync(User(1), null, 4, default);
        var second = await Store.ListChannelsAsync(User(1), first[^1], 100, default);

        Assert.Equal(ids, first.Concat(second));
    }

    [Fact]
    public async Task Receipts_OnlyGrow_AndANullLeavesThePointer()
    {
        var (low, high) = (Id(Now, 1), Id(Now, 2));
        await WriteAsync(Judged(receipts: [new ReceiptRow(Channel, User(1), high, null), new ReceiptRow(Channel, User(2), null, low)]));
        await WriteAsync(Judged(receipts: [new ReceiptRow(Channel, User(1), low, low), new ReceiptRow(Channel, User(2), low, null)]));

        var receipts = await Store.ReadReceiptsAsync(Channel, default);

        Assert.Equal([new ReceiptRow(Channel, User(1), high, low), new ReceiptRow(Channel, User(2), low, low)], receipts.OrderBy(receipt => receipt.UserId));
        Assert.Empty(await Store.ReadReceiptsAsync(Channel + "x", default));
    }

    [Fact]
    public async Task Reads_WithAndWithoutCursors_OnlyGrowWhateverTheirOrder()
    {
        var (low, middle, high) = (Id(Now, 1), Id(Now + 70_000, 2), Id(Now + 70_000, 3));
        InboxCursor[] cursors = [new(1, 10, 5), new(1, 10, 1L << 42), new(1, 11, 0), new(2, 3, 0)];
        Assert.Equal(default, await Store.FindReadAsync(Channel, User(1), default));

        await WriteAsync(Judged(receipts: [Reading(1, low, null)])); // of before read cursors
        Assert.Equal(ReadMark.Of(low, null), await Store.FindReadAsync(Channel, User(1), default));
        Assert.Null((await Store.FindReadAsync(Channel, User(1), default)).KnownCursor);

        await WriteAsync(Judged(receipts: [Reading(1, middle, cursors[1]), Reading(2, low, cursors[0]), new ReceiptRow(Channel, User(3), high, null)]));
        await WriteAsync(Judged(receipts: [Reading(1, low, cursors[2]), Reading(1, middle, cursors[0])])); // of a device that is behind, and again
        Assert.Equal(ReadMark.Of(middle, cursors[2]), await Store.FindReadAsync(Channel, User(1), default));
        Assert.Equal(ReadMark.Of(low, cursors[0]), await Store.FindReadAsync(Channel, User(2), default));
        Assert.Equal(default, await Store.FindReadAsync(Channel, User(3), default));
        Assert.Equal(default, await Store.FindReadAsync(Channel + "x", User(1), default));

        await WriteAsync(Judged(receipts: [Reading(1, high, null)])); // by a server that knows no cursors
        Assert.Equal(new ReadMark(high, middle, cursors[2]), await Store.FindReadAsync(Channel, User(1), default));
        await WriteAsync(Judged(receipts: [Reading(1, high, cursors[3]), Reading(1, low, InboxCursor.Start)]));
        Assert.Equal(ReadMark.Of(high, cursors[3]), await Store.FindReadAsync(Channel, User(1), default));
        Assert.Equal(high, (await Store.ReadReceiptsAsync(Channel, default)).Single(receipt => receipt.UserId == User(1)).ReadUpTo);

        ReceiptRow Reading(int user, Ulid upTo, InboxCursor? cursor) => new(Channel, User(user), null, upTo, cursor);
    }

    [Fact]
    public async Task Inbox_OverBucketsAndEpochs_ComesOldestFirstAboveTheCursor()
    {
        InboxCursor[] cursors = [new(1, 10, 5), new(1, 10, 90), new(1, 11, 100), new(1, 11, 101), new(2, 3, 0), new(2, 3, 7)];
        await Store.DeliverAsync(0, [.. cursors.Reverse().Select(cursor => new InboxRow(User(1), cursor, Content))], []);

        Assert.Equal(cursors, (await Store.ReadInboxAsync(User(1), InboxCursor.Start, 100, default)).Select(row => row.Cursor));
        Assert.Equal(cursors[1..4], (await Store.ReadInboxAsync(User(1), cursors[0], 3, default)).Select(row => row.Cursor));
        Assert.Equal(cursors[4..], (await Store.ReadInboxAsync(User(1), new InboxCursor(1, 12, 0), 100, default)).Select(row => row.Cursor));
        Assert.Empty(await Store.ReadInboxAsync(User(1), cursors[^1], 100, default));
        Assert.Empty(await Store.ReadInboxAsync(User(2), InboxCursor.Start, 100, default));
        Assert.Equal(cursors[^1], await Store.FindLatestCursorAsync(User(1), default));
        Assert.Null(await Store.FindLatestCursorAsync(User(2), default));
    }

    [Fact]
    public async Task Inbox_RowAndPayload_AreTheSame()
    {
        byte[] payload = [0, 255, 1, 0];
        await Store.DeliverAsync(0, [new InboxRow(User(1), new InboxCursor(1, 2, 3), payload)], []);

        var row = Assert.Single(await Store.ReadInboxAsync(User(1), InboxCursor.Start, 1, default));
        Assert.Equal(payload, row.Payload.ToArray());
        Assert.Equal(User(1), row.UserId);
    }

    [Fact]
    public async Task HighWater_LowerThanBefore_NeverGoesDown()
    {
        var partition = Random.Shared.Next(1_000_000, int.MaxValue);
        await Store.DeliverAsync(partition, [], [new HighWaterMark(1, 10), new HighWaterMark(2, 3)]);
        await Store.DeliverAsync(partition, [], [new HighWaterMark(1, 9), new HighWaterMark(2, 4), new HighWaterMark(long.MaxValue, 0)]);

        var marks = await Store.LoadHighWaterAsync(partition, default);

        Assert.Equal([(1, 10), (2, 4), (long.MaxValue, 0)], marks.OrderBy(mark => mark.Key).Select(mark => (mark.Key, mark.Value)));
        Assert.Empty(await Store.LoadHighWaterAsync(partition - 1, default));
    }

    [Fact]
    public async Task Writes_ManyAtOnce_AllAreThere()
    {
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () => await WriteAsync(Judged([Message(Id(Now, i))])))));

        Assert.Equal(200, (await Store.ReadHistoryAsync(Channel, null, 1000, default)).Count);
    }

    protected ChannelRow Group(int version, long position, int[] members) =>
        new(Channel, ChannelType.Group, $"v{version}", "cell", version, position, Now, [.. members.Select(i => new MemberInterval(User(i), MemberRole.Member, position, null, version))]);

    protected InboxRow Row(int user, long offset) => new(User(user), new InboxCursor(1, 2900, offset), Content);
}

internal static class StoreExtensions
{
    public static ValueTask DeliverAsync(this IMessageStore store, int partition, IReadOnlyList<InboxRow> rows, IReadOnlyList<HighWaterMark> marks) =>
        store.WriteDeliveredAsync(new DeliveredBatch(partition, rows, marks), default);
}
