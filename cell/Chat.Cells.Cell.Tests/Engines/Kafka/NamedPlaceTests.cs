using System.Text;
using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.KafkaMock;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>
/// A member that is refused under its name, on the mock cluster: it keeps the id that a member gives itself and refuses when it is told to; who has a name is said by the test. With
/// real names it is in <see cref="KafkaMembershipTests"/>.
/// </summary>
[Needs(Needed.Librdkafka)]
public sealed class NamedPlaceTests : IAsyncLifetime
{
    private const short Heartbeat = 12;
    private const short OffsetCommit = 8;
    private const int FencedInstanceId = 82;
    private const string Topic = "places";
    private const string Name = "server-1";
    private readonly MockKafkaCluster cluster = new();
    private readonly Lines lines = new();
    private readonly RecordingConsumer consumer = new();
    private MockTopicAdmin admin = null!;
    private KafkaLog log = null!;
    private Running running = null!;

    public async Task InitializeAsync()
    {
        admin = new MockTopicAdmin(cluster);
        var options = new KafkaOptions { BootstrapServers = cluster.BootstrapServers, Prefix = "test.", MinInSyncReplicas = 1, SessionTimeout = TimeSpan.FromSeconds(6), InstanceId = Name };
        log = new KafkaLog(options, TimeProvider.System, lines, admin);
        await log.EnsureTopicsAsync([new TopicSpec(Topic, 1, TimeSpan.FromDays(1))], default);
        running = new Running(token => log.ConsumeAsync("group", [Topic], consumer, token));
        await ProcessedAsync("first");
    }

    public async Task DisposeAsync()
    {
        await running.DisposeAsync();
        await log.DisposeAsync();
        cluster.Dispose();
    }

    [Theory]
    [InlineData(Heartbeat)]
    [InlineData(OffsetCommit)]
    public async Task Consume_RefusedAndThePlaceIsTaken_GoesOnWithoutTheNameAndTakesItWhenItIsFree(short request)
    {
        admin.Named = ["server-0", Name];
        cluster.PushErrors(request, FencedInstanceId);
        if (request == OffsetCommit) await AppendAsync("refused");
        await Poll.UntilAsync(() => Said("has taken the place of --server-id server-1"), "it says that it was refused");
        await ProcessedAsync("without");
        // It has looked by now, and seen that another has the place.
        Assert.False(Said("takes it again"));

        admin.Named = ["server-0"];
        await Poll.UntilAsync(() => Said("takes it again"), "it takes the place");
        await ProcessedAsync("again");

        cluster.PushErrors(Heartbeat, FencedInstanceId);
        await Poll.UntilAsync(() => lines.Written.Count(line => line.Contains("takes it again", StringComparison.Ordinal)) == 2, "it had the name, and takes it at once where nobody has it");
        await ProcessedAsync("at once");
        Assert.Empty(consumer.Faults);
    }

    [Fact]
    public async Task Consume_RefusedAndItCanNotBeSeenWhoHasThePlace_GoesOnAndSaysSoOnce()
    {
        admin.Refusal = "not allowed";
        cluster.PushErrors(Heartbeat, FencedInstanceId);
        await Poll.UntilAsync(() => Said("not allowed"), "it says why it can't be seen");
        await ProcessedAsync("without");
        var looks = admin.Looks;
        await Poll.UntilAsync(() => admin.Looks > looks, "it looks again");
        Assert.Single(lines.Written, line => line.Contains("not allowed", StringComparison.Ordinal));

        admin.Refusal = null;
        await Poll.UntilAsync(() => Said("takes it again"), "it takes the place");
        await ProcessedAsync("again");
    }

    private bool Said(string part) => lines.Written.Any(line => line.Contains(part, StringComparison.Ordinal));

    private async Task AppendAsync(string value) => await log.AppendAsync(new TopicPartition(Topic, 0), "key"u8.ToArray(), Encoding.UTF8.GetBytes(value), default);

    private async Task ProcessedAsync(string value)
    {
        await AppendAsync(value);
        await Poll.UntilAsync(() => consumer.Seen.Any(seen => seen.Value == value), $"'{value}' is processed");
    }
}
