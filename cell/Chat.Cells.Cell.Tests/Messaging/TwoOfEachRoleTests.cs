using System.Collections.Concurrent;
using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Engines.Files;
using Chat.Cells.Cell.Engines.Memory;
using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Engines;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Messaging;

/// <summary>Two of each role over the same embedded engines, with workers that come and go.</summary>
public sealed class TwoOfEachRoleTests : IAsyncLifetime
{
    private const int Messages = 600;
    private readonly TempFolder folder = new();
    private readonly TestDirectory directory = new("a");
    private readonly MemoryCellState state = new(TimeProvider.System);
    private SegmentLog log = null!;
    private SqliteStore store = null!;

    public async Task InitializeAsync()
    {
        log = await SegmentLog.OpenAsync(Path.Combine(folder.Path, "log"), new SegmentLogOptions(), TimeProvider.System, NullLogger<SegmentLog>.Instance, CancellationToken.None);
        store = await SqliteStore.OpenAsync(Path.Combine(folder.Path, "store.db"), new SqliteStoreOptions(), TimeProvider.System, NullLogger<SqliteStore>.Instance, CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        await log.DisposeAsync();
        await store.DisposeAsync();
        await state.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task Roles_TwoOfEachComingAndGoing_EveryMessageOnceInOrderAndAcked()
    {
        var acked = new ConcurrentDictionary<string, Ulid>();
        await using var subscription = await state.SubscribeAsync(
            "server-1",
            bytes =>
            {
                if (ServerMessage.Decode(bytes) is Verdict { ErrorCode: null } verdict) acked[verdict.RequestId] = verdict.MessageId!.Value;
            },
            CancellationToken.None);
        await CellTopics.EnsureAsync(log, Topics.Embedded, directory, CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var lasting = new[] { FanOut().RunAsync(stop.Token), Delivery().RunAsync(stop.Token) };

        await AppendAsync(Say.CreateGroup(Say.Ben));
        await AppendAsync(Say.CreateDirect(Say.Anna, Say.Ben));
        var direct = ChannelId.ForDirect(Say.Anna, Say.Ben);
        var passing = StartPassing(stop.Token);
        for (var i = 0; i < Messages; i++)
        {
            await AppendAsync(Say.Send(i % 2 == 0 ? Say.Group : direct, i % 3 == 0 ? Say.Anna : Say.Ben, "m" + i));
            if (i % 100 == 99)
            {
                await passing.StopAsync();
                passing = StartPassing(stop.Token);
            }
        }
        await Poll.UntilAsync(async () => acked.Count == Messages + 2 && (await InboxAsync(Say.Ben)).Count == Messages + 2 && (await InboxAsync(Say.Anna)).Count == Messages + 2);
        await passing.StopAsync();
        await stop.CancelAsync();
        await Task.WhenAll(lasting);

        foreach (var user in new[] { Say.Anna, Say.Ben })
        {
            var events = await InboxAsync(user);
            Assert.Equal(acked.Values.Order(), events.Select(e => e.EventId).Order());
            foreach (var channel in events.GroupBy(e => e.ChannelId)) Assert.Equal(channel.Select(e => e.EventId).Order(), channel.Select(e => e.EventId));
        }
        var sent = Enumerable.Range(0, Messages).Where(i => i % 2 == 0).Select(i => acked["m" + i]);
        Assert.Equal(sent, (await store.ReadHistoryAsync(Say.Group, null, 1000, CancellationToken.None)).Select(m => m.MessageId).Reverse());
    }

    private Passing StartPassing(CancellationToken cancellationToken)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        return new Passing(stop, Task.WhenAll(FanOut().RunAsync(stop.Token), Delivery().RunAsync(stop.Token)));
    }

    private FanOutRole FanOut() => new(log, store, state, directory, Topics.Embedded, TimeProvider.System, NullLogger<FanOutRole>.Instance);

    private DeliveryRole Delivery() => new(log, store, state, directory, Topics.Embedded, TimeProvider.System, NullLogger<DeliveryRole>.Instance);

    private async Task AppendAsync(ChannelRecord record)
    {
        var key = Encoding.UTF8.GetBytes(record.ChannelId);
        var direct = record.ChannelId.StartsWith("d.", StringComparison.Ordinal);
        var count = direct ? Topics.Embedded.Direct : Topics.Embedded.Group;
        await log.AppendAsync(
            new TopicPartition(direct ? Topics.DirectMessages : Topics.GroupMessages, KeyPartitioner.PartitionFor(key, count)), key, ChannelRecord.Encode(record), CancellationToken.None);
    }

    private async Task<List<InboxRecord>> InboxAsync(string user) =>
        [.. (await store.ReadInboxAsync(user, InboxCursor.Start, 10_000, CancellationToken.None)).Select(r => InboxRecord.Decode(r.Payload))];

    private sealed record Passing(CancellationTokenSource Stop, Task Roles)
    {
        public async Task StopAsync()
        {
            await Stop.CancelAsync();
            await Roles;
            Stop.Dispose();
        }
    }
}
