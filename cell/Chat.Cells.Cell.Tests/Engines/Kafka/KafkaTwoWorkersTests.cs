using System.Collections.Concurrent;
using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Engines.Memory;
using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.KafkaMock;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>The real fan-out and delivery on a Kafka cluster, with workers that don't know that their partitions were given to others, and with records nobody can read.</summary>
[Needs(Needed.Librdkafka)]
public sealed class KafkaTwoWorkersTests : IAsyncLifetime
{
    private static readonly string Direct = ChannelId.ForDirect(Say.Anna, Say.Ben);
    private static readonly Topics Counts = new(2, 2, 3, 1);
    private readonly TempFolder folder = new();
    private readonly MockKafkaCluster cluster = new();
    private readonly TestDirectory directory = new("a");
    private readonly MemoryCellState state = new(TimeProvider.System);
    private readonly ConcurrentDictionary<string, Ulid> acked = new();
    private readonly ConcurrentQueue<string> disagreements = new();
    private IAsyncDisposable subscription = null!;
    private SqliteStore store = null!;
    private KafkaLog log = null!;

    public async Task InitializeAsync()
    {
        store = await SqliteStore.OpenAsync(Path.Combine(folder.Path, "store.db"), new SqliteStoreOptions(), TimeProvider.System, NullLogger<SqliteStore>.Instance, default);
        log = new KafkaLog(
            new KafkaOptions { BootstrapServers = cluster.BootstrapServers, Prefix = "a.", MinInSyncReplicas = 1, SessionTimeout = TimeSpan.FromSeconds(6) },
            TimeProvider.System,
            NullLogger<KafkaLog>.Instance,
            new MockTopicAdmin(cluster),
            store);
        subscription = await state.SubscribeAsync(
            "server-1",
            bytes =>
            {
                if (ServerMessage.Decode(bytes) is not Verdict { ErrorCode: null } verdict) return;
                if (acked.GetOrAdd(verdict.RequestId, verdict.MessageId!.Value) != verdict.MessageId) disagreements.Enqueue(verdict.RequestId);
            },
            default);
        await CellTopics.EnsureAsync(log, Counts, directory, default);
    }

    public async Task DisposeAsync()
    {
        await subscription.DisposeAsync();
        await log.DisposeAsync();
        await store.DisposeAsync();
        await state.DisposeAsync();
        cluster.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task Workers_PausedWithABatchInHandAndAwakeAfterOthersWentOn_HarmNothing()
    {
        await AppendAsync(Say.CreateGroup(Say.Ben));
        await AppendAsync(Say.CreateDirect(Say.Anna, Say.Ben));
        await SendAsync(0, 10);
        await using (var both = new Running(FanOut().RunAsync, Delivery().RunAsync)) await DeliveredAsync(12);

        // They take the next batch, and stop for a while before the first effect.
        await SendAsync(10, 40);
        var judges = await PausedAsync(FanOutRole.Group, FanOut(), (Topics.DirectMessages, Counts.Direct), (Topics.GroupMessages, Counts.Group));
        List<Paused> deliverers;
        await using (var fanOut = new Running(FanOut().RunAsync))
        {
            await Poll.UntilAsync(() => acked.Count == 42, "others judge");
            deliverers = await PausedAsync(DeliveryRole.Group, Delivery(), (Topics.InboxTopic, Counts.Inbox));
            await using var delivery = new Running(Delivery().RunAsync);
            await DeliveredAsync(42);

            Assert.NotEmpty(judges);
            Assert.NotEmpty(deliverers);
            // They wake up, all at once and in the midst of new work.
            var waking = Task.WhenAll(judges.Concat(deliverers).Select(p => p.WakeAsync()));
            await SendAsync(40, 80);
            await waking;
            await DeliveredAsync(82);
            foreach (var paused in judges.Concat(deliverers)) await paused.WakeAsync();
            await SendAsync(80, 90);
            await DeliveredAsync(92);
        }

        Assert.Empty(disagreements);
        foreach (var user in new[] { Say.Anna, Say.Ben })
        {
            var events = await InboxAsync(user);
            Assert.Equal(acked.Values.Order(), events.Select(e => e.EventId).Order());
            foreach (var channel in events.GroupBy(e => e.ChannelId)) Assert.Equal(channel.Select(e => e.EventId).Order(), channel.Select(e => e.EventId));
        }
        var sent = Enumerable.Range(0, 90).Where(i => i % 2 == 0).Select(i => acked[$"m{i}"]);
        Assert.Equal(sent, (await store.ReadHistoryAsync(Say.Group, null, 1000, default)).Select(m => m.MessageId).Reverse());
    }

    [Fact]
    public async Task Poison_InBothTopics_GoesToDeadWithItsReasonAndHoldsNothingUp()
    {
        await AppendAsync(Say.CreateDirect(Say.Anna, Say.Ben));
        var key = Encoding.UTF8.GetBytes(Direct);
        var judged = new TopicPartition(Topics.DirectMessages, KeyPartitioner.PartitionFor(key, Counts.Direct));
        await log.AppendAsync(judged, key, "no record"u8.ToArray(), default);
        var inbox = new TopicPartition(Topics.InboxTopic, 1);
        await log.AppendAsync(inbox, key, "no inbox record"u8.ToArray(), default);
        await AppendAsync(Say.Send(Direct, Say.Anna, "m0"));

        await using (var both = new Running(FanOut().RunAsync, Delivery().RunAsync))
        {
            await DeliveredAsync(2);
            await Poll.UntilAsync(async () => (await log.GetOffsetsAsync(new TopicPartition(Topics.Dead, 0), default)).Next >= 2, "both are put aside");
        }

        var dead = (await log.ReadAsync(new TopicPartition(Topics.Dead, 0), 0, 10, TimeSpan.Zero, default)).Select(r => DeadLetter.Decode(r.Value)).ToList();
        Assert.All(dead, letter => Assert.NotEqual("", letter.Reason));
        Assert.Equal(
            [(inbox, "no inbox record"), (judged, "no record")],
            dead.Select(l => (new TopicPartition(l.Topic, l.Partition), Encoding.UTF8.GetString(l.Value.Span))).OrderBy(l => l.Item1.Topic, StringComparer.Ordinal));
    }

    private FanOutRole FanOut() => new(log, store, state, directory, Counts, TimeProvider.System, NullLogger<FanOutRole>.Instance);

    private DeliveryRole Delivery() => new(log, store, state, directory, Counts, TimeProvider.System, NullLogger<DeliveryRole>.Instance);

    private async Task SendAsync(int from, int to)
    {
        for (var i = from; i < to; i++) await AppendAsync(Say.Send(i % 2 == 0 ? Say.Group : Direct, i % 3 == 0 ? Say.Anna : Say.Ben, $"m{i}"));
    }

    private async Task AppendAsync(ChannelRecord record)
    {
        var key = Encoding.UTF8.GetBytes(record.ChannelId);
        var direct = record.ChannelId == Direct;
        await log.AppendAsync(
            new TopicPartition(direct ? Topics.DirectMessages : Topics.GroupMessages, KeyPartitioner.PartitionFor(key, direct ? Counts.Direct : Counts.Group)), key, ChannelRecord.Encode(record), default);
    }

    private async Task<List<InboxRecord>> InboxAsync(string user) =>
        [.. (await store.ReadInboxAsync(user, InboxCursor.Start, 10_000, default)).Select(r => InboxRecord.Decode(r.Payload))];

    private async Task DeliveredAsync(int events) =>
        await Poll.UntilAsync(
            async () => acked.Count == events && (await InboxAsync(Say.Anna)).Count >= events && (await InboxAsync(Say.Ben)).Count >= events, $"{events} events are acked and delivered");

    private async Task<List<Paused>> PausedAsync(string group, IPartitionProcessorFactory factory, params (string Topic, int Partitions)[] topics)
    {
        var paused = new List<Paused>();
        foreach (var (topic, partitions) in topics)
        {
            for (var partition = 0; partition < partitions; partition++)
            {
                if (await Paused.StartAsync(log, group, new TopicPartition(topic, partition), factory) is { } worker) paused.Add(worker);
            }
        }
        return paused;
    }

    /// <summary>A worker that took a batch and then stood still; its commits come too late, as those of a member that was expelled do.</summary>
    private sealed class Paused(TopicPartition partition, CommittedOffset? committed) : IPartitionAssignment
    {
        private IPartitionProcessor processor = null!;
        private IReadOnlyList<LogRecord> batch = [];

        public TopicPartition Partition => partition;

        public CommittedOffset? Committed => committed;

        public ValueTask CommitAsync(long nextOffset, string metadata, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        /// <summary>Null when there is nothing to be done in the partition.</summary>
        public static async Task<Paused?> StartAsync(KafkaLog log, string group, TopicPartition partition, IPartitionProcessorFactory factory)
        {
            var committed = await log.GetCommittedAsync(group, partition, default);
            var worker = new Paused(partition, committed) { batch = await log.ReadAsync(partition, committed?.NextOffset ?? 0, 100, TimeSpan.Zero, default) };
            if (worker.batch.Count == 0) return null;
            worker.processor = await factory.StartAsync(worker, default);
            return worker;
        }

        public Task WakeAsync() => processor.ProcessAsync(batch, default).AsTask();
    }
}
