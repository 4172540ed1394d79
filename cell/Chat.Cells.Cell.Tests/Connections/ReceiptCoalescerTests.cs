using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Connections;

public sealed class ReceiptCoalescerTests : IAsyncLifetime
{
    private const string User = "eu-west-1.01M813TPGJYVHDRRPAQQWFWCH8";
    private static readonly string Channel = ChannelId.ForGroup("eu-west-1", User, "r1");
    private readonly string folder = TestCell.NewFolder();
    private CellEngines engines = null!;
    private FailingStore store = null!;
    private ReceiptCoalescer coalescer = null!;
    private long read;

    public async Task InitializeAsync()
    {
        engines = await CellEngines.OpenEmbeddedAsync(folder, TimeProvider.System, NullLoggerFactory.Instance, default);
        await engines.Log.EnsureTopicsAsync([new TopicSpec(Topics.GroupMessages, 1, TimeSpan.FromDays(1))], default);
        store = new FailingStore(engines.Store);
        coalescer = new ReceiptCoalescer(new ChannelLog(engines.Log, new Topics(1, 1, 1, 1), TimeProvider.System), store, TimeProvider.System, NullLogger<ReceiptCoalescer>.Instance);
    }

    public async Task DisposeAsync()
    {
        coalescer.Dispose();
        await engines.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static Ulid Id(int n) => new([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte)n]);

    private static InboxCursor At(long offset) => new(1, 2_900, offset);

    private void Deliver(params (string Sender, int Id)[] messages) =>
        coalescer.Delivered(User, new Delivered(Channel, Id(messages.Max(m => m.Id)), messages.ToDictionary(m => m.Sender, m => Id(m.Id))));

    private async Task<List<ReceiptRecord>> FlushAsync()
    {
        await coalescer.FlushAsync(default);
        var records = await engines.Log.ReadAsync(new TopicPartition(Topics.GroupMessages, 0), read, 100, TimeSpan.Zero, default);
        read += records.Count;
        return [.. records.Select(r => (ReceiptRecord)ChannelRecord.Decode(r.Value))];
    }

    [Fact]
    public async Task Delivered_SeveralInAnInterval_AreOneRecordForAllAuthors()
    {
        Deliver(("bob", 1));
        Deliver(("carol", 2), ("bob", 3));
        var record = Assert.Single(await FlushAsync());
        Assert.Equal((Id(3), null), (record.DeliveredUpTo, record.ReadUpTo));
        Assert.Equal(["bob", "carol"], record.Authors.Order());
    }

    [Fact]
    public async Task Delivered_ByASecondDevice_AppendsNothing()
    {
        Deliver(("bob", 3));
        await FlushAsync();
        Deliver(("bob", 3));
        Deliver(("bob", 2));
        Assert.Empty(await FlushAsync());
    }

    [Fact]
    public async Task Delivered_LateBelowThePointers_StillTellsItsAuthorWithoutLoweringThem()
    {
        Deliver(("bob", 5));
        coalescer.Read(User, Channel, Id(9), At(5));
        await FlushAsync();
        Deliver(("carol", 4)); // came late from another cell
        var record = Assert.Single(await FlushAsync());
        Assert.Equal((Id(9), Id(9), At(5)), (record.DeliveredUpTo, record.ReadUpTo, record.ReadCursor)); // which doesn't make it read
        Assert.Equal(["carol"], record.Authors);
    }

    [Fact]
    public async Task Read_NotBeyondThePointer_AppendsNothing()
    {
        coalescer.Read(User, Channel, Id(9), At(5));
        Assert.Equal(Id(9), Assert.Single(await FlushAsync()).ReadUpTo);
        coalescer.Read(User, Channel, Id(9), At(5));
        coalescer.Read(User, Channel, Id(2), At(4));
        Assert.Empty(await FlushAsync());
    }

    [Fact]
    public async Task Read_OfWhatCameLate_IsAppendedThoughThePointerStays()
    {
        coalescer.Read(User, Channel, Id(9), At(5));
        await FlushAsync();
        coalescer.Read(User, Channel, Id(9), At(7));
        coalescer.Read(User, Channel, Id(9), At(6));
        var record = Assert.Single(await FlushAsync());
        Assert.Equal((Id(9), At(7)), (record.ReadUpTo, record.ReadCursor));
        coalescer.Read(User, Channel, Id(9), At(7));
        Assert.Empty(await FlushAsync());
    }

    [Fact]
    public async Task Read_AuthorsCantBeFoundForWhateverReason_IsAppendedAllTheSame()
    {
        store.BeforeMessage = () => throw new InvalidOperationException("an engine's own kind of failure");
        coalescer.Read(User, Channel, Id(1), At(1));
        Assert.Equal(Id(1), Assert.Single(await FlushAsync()).ReadUpTo);
    }
}
