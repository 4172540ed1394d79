using System.Text;
using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Confluent.Kafka;
using TopicPartition = Chat.Cells.Cell.Ports.TopicPartition;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>
/// Servers that stop, and servers that come back under their id, on the Kafka that <c>KAFKA_BOOTSTRAP_SERVERS</c> names: the mock knows no static members. The session is far longer
/// than any wait, so that nothing here happens because it ended.
/// </summary>
[Needs(Needed.Kafka)]
public sealed class KafkaMembershipTests : IAsyncLifetime
{
    private const int Partitions = 4;
    private static readonly TimeSpan Session = TimeSpan.FromMinutes(5);
    private readonly string topic = $"members.{Ulid.NewUlid()}";
    private readonly List<KafkaLog> logs = [];
    private readonly Lines lines = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var log in logs) await log.DisposeAsync();
        await RealKafka.DeleteAsync(["test." + topic], topic);
    }

    [Fact]
    public async Task Consume_MemberStops_OthersHaveItsPartitionsAtOnce()
    {
        var (first, second) = (await OpenAsync("server-1"), await OpenAsync("server-2"));
        var (staying, leaving) = (new RecordingConsumer(), new RecordingConsumer());
        await using var running = Run(first, staying);
        await using (Run(second, leaving))
        {
            await Poll.UntilAsync(() => leaving.Live.Count > 0 && staying.Live.Count + leaving.Live.Count == Partitions, "both members have partitions");
        }

        await Poll.UntilAsync(() => staying.Live.Count == Partitions, "the other member has all partitions");
        await AppendAsync(first, 0, 40);
        await Poll.UntilAsync(() => staying.Seen.Select(s => s.Value).Distinct().Count() == 40, "all is processed");
        Assert.Empty(staying.Faults);
    }

    [Fact]
    public async Task Consume_ServerComesBackUnderItsId_HasItsPartitionsAtOnceAndTheOldProcessHarmsNothing()
    {
        var (other, dead) = (await OpenAsync("server-1"), await OpenAsync("server-2"));
        var (beside, before, after) = (new RecordingConsumer(), new RecordingConsumer(), new RecordingConsumer());
        await using var runningOther = Run(other, beside);
        await using var runningDead = Run(dead, before);
        await Poll.UntilAsync(() => before.Live.Count > 0 && beside.Live.Count + before.Live.Count == Partitions, "both members have partitions");
        var held = before.Live;
        await AppendAsync(other, 0, 40);
        await Poll.UntilAsync(() => Distinct(beside, before) == 40, "all is processed");
        var starts = beside.Starts.Count;

        // Nobody told Kafka that the first process is gone; for the group it is the same member.
        var again = await OpenAsync("server-2");
        await using var runningAgain = Run(again, after);
        await Poll.UntilAsync(() => held.All(after.Live.Contains), "the new process has its predecessor's partitions");
        await AppendAsync(other, 40, 80);
        await Poll.UntilAsync(() => Distinct(beside, before, after) == 80, "all is processed");

        Assert.Equal(starts, beside.Starts.Count);
        Assert.Empty(after.Faults.Concat(beside.Faults));
        await Poll.UntilAsync(() => lines.Written.Any(line => line.Contains("has taken the place of --server-id server-2", StringComparison.Ordinal)), "the old process says so");
    }

    /// <summary>As with a process that was paused for longer than its session, or a group that moved to another broker: something has the place, and nobody is there.</summary>
    [Fact]
    public async Task Consume_PlaceIsTakenByAMemberThatDies_HasItsNameAgain()
    {
        var log = await OpenAsync("server-1", TimeSpan.FromSeconds(6));
        var consumer = new RecordingConsumer();
        await using var running = Run(log, consumer);
        await Poll.UntilAsync(() => consumer.Live.Count == Partitions, "the member has all partitions");
        Assert.Equal("server-1", Assert.Single(await NamesAsync()));

        await using (await StrangerAsync("server-1"))
        {
            await Poll.UntilAsync(() => Said("has taken the place of --server-id server-1"), "it says that it was refused");
        }

        await Poll.UntilAsync(() => Said("takes it again"), "it takes the place when the stranger's session is over");
        await Poll.UntilAsync(() => consumer.Live.Count == Partitions, "the member has all partitions again");
        await AppendAsync(log, 0, 40);
        await Poll.UntilAsync(() => Distinct(consumer) == 40, "all is processed");
        Assert.Equal("server-1", Assert.Single(await NamesAsync()));
        Assert.Single(lines.Written, line => line.Contains("has taken the place of", StringComparison.Ordinal));
        Assert.Empty(consumer.Faults);
    }

    private bool Said(string part) => lines.Written.Any(line => line.Contains(part, StringComparison.Ordinal));

    private async Task<List<string>> NamesAsync()
    {
        using var admin = new KafkaTopicAdmin(RealKafka.Options());
        return [.. await admin.FindNamedMembersAsync("test.group." + topic, default)];
    }

    /// <summary>Joins under a name until disposed of, and then dies: nobody tells the group.</summary>
    private async Task<Stranger> StrangerAsync(string name)
    {
        var stranger = new Stranger("test.group." + topic, name, "test." + topic);
        await Poll.UntilAsync(() => stranger.IsMember, "the stranger is a member");
        return stranger;
    }

    private static int Distinct(params RecordingConsumer[] consumers) => consumers.SelectMany(c => c.Seen).Select(s => s.Value).Distinct().Count();

    private async Task<KafkaLog> OpenAsync(string serverId, TimeSpan? session = null)
    {
        var log = new KafkaLog(RealKafka.Options() with { Prefix = "test.", InstanceId = serverId, SessionTimeout = session ?? Session }, TimeProvider.System, lines);
        logs.Add(log);
        await log.EnsureTopicsAsync([new TopicSpec(topic, Partitions, TimeSpan.FromDays(1))], default);
        return log;
    }

    private async Task AppendAsync(KafkaLog log, int from, int to)
    {
        for (var i = from; i < to; i++) await log.AppendAsync(new TopicPartition(topic, i % Partitions), "key"u8.ToArray(), Encoding.UTF8.GetBytes($"{i}"), default);
    }

    private Running Run(KafkaLog log, RecordingConsumer consumer) => new(token => log.ConsumeAsync("group." + topic, [topic], consumer, token));

    private sealed class Stranger : IAsyncDisposable
    {
        private readonly CancellationTokenSource stop = new();
        private readonly Task polling;
        private volatile bool isMember;

        public Stranger(string group, string name, string topic)
        {
            var config = new ConsumerConfig
            {
                BootstrapServers = RealKafka.BootstrapServers,
                GroupId = group,
                GroupInstanceId = name,
                SessionTimeoutMs = 6_000,
                HeartbeatIntervalMs = 1_000,
                PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky,
                EnableAutoCommit = false,
            };
            polling = Task.Factory.StartNew(() => Poll(config, topic), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        public bool IsMember => isMember;

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await polling;
            stop.Dispose();
        }

        private void Poll(ConsumerConfig config, string topic)
        {
            // Its disposal leaves nothing: a member with a name keeps its place until its session ends.
            using var consumer = new ConsumerBuilder<byte[], byte[]>(config).Build();
            consumer.Subscribe(topic);
            while (!stop.IsCancellationRequested)
            {
                consumer.Consume(TimeSpan.FromMilliseconds(100));
                isMember = consumer.MemberId is { Length: > 0 };
            }
        }
    }
}
