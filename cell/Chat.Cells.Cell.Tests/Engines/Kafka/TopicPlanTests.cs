using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

public sealed class TopicPlanTests
{
    private static readonly KafkaOptions Options = new() { BootstrapServers = "kafka:9092", Prefix = "eu-west-1.", ReplicationFactor = 3, MinInSyncReplicas = 2 };
    private static readonly TopicSpec Inbox = new("chat.inbox", 128, TimeSpan.FromDays(7));

    private static readonly Dictionary<string, string> Golden = new()
    {
        ["cleanup.policy"] = "delete",
        ["retention.ms"] = "604800000",
        ["message.timestamp.type"] = "LogAppendTime",
        ["min.insync.replicas"] = "2",
        ["max.message.bytes"] = "2000000",
        ["compression.type"] = "lz4",
        ["unclean.leader.election.enable"] = "false",
    };

    private static TopicPlan Plan(int? partitions, IReadOnlyDictionary<string, string>? settings = null, int replicas = 3) => TopicPlan.For(
        [Inbox],
        partitions is { } count ? new Dictionary<string, FoundTopic> { ["eu-west-1.chat.inbox"] = new(count, replicas, "id") } : [],
        settings is null ? new Dictionary<string, IReadOnlyDictionary<string, string>>() : new Dictionary<string, IReadOnlyDictionary<string, string>> { ["eu-west-1.chat.inbox"] = settings },
        Options);

    [Fact]
    public void For_MissingTopic_CreatesItWithPrefixAndAllSettings()
    {
        var plan = Plan(null);

        var topic = Assert.Single(plan.Create);
        Assert.Equal(("eu-west-1.chat.inbox", 128, (short)3), (topic.Name, topic.NumPartitions, topic.ReplicationFactor));
        Assert.Equal(Golden, topic.Configs);
        Assert.Empty(plan.Reconfigure);
        Assert.Empty(plan.Mismatches);
    }

    [Fact]
    public void For_TopicAsWanted_DoesNothing()
    {
        var plan = Plan(128, new Dictionary<string, string>(Golden) { ["segment.bytes"] = "1" });

        Assert.Empty(plan.Create);
        Assert.Empty(plan.Reconfigure);
        Assert.Empty(plan.Mismatches);
    }

    [Fact]
    public void For_OtherSettings_ChangesThoseOnly()
    {
        var actual = new Dictionary<string, string>(Golden) { ["message.timestamp.type"] = "CreateTime", ["segment.bytes"] = "1" };
        actual.Remove("min.insync.replicas");

        var plan = Plan(128, actual);

        Assert.Empty(plan.Create);
        var (name, changes) = Assert.Single(plan.Reconfigure);
        Assert.Equal("eu-west-1.chat.inbox", name);
        Assert.Equal(new Dictionary<string, string> { ["message.timestamp.type"] = "LogAppendTime", ["min.insync.replicas"] = "2" }, changes);
    }

    [Fact]
    public void For_CompactedEphemeralTopic_HasTwoCopiesAndOneAcks()
    {
        var presence = new TopicSpec("chat.presence", 32, TimeSpan.FromHours(1)) { Compacted = true, Ephemeral = true };

        var topic = Assert.Single(TopicPlan.For([presence], new Dictionary<string, FoundTopic>(), new Dictionary<string, IReadOnlyDictionary<string, string>>(), Options).Create);

        Assert.Equal(2, topic.ReplicationFactor);
        Assert.Equal(("compact,delete", "3600000", "1"), (topic.Configs["cleanup.policy"], topic.Configs["retention.ms"], topic.Configs["min.insync.replicas"]));
        var found = new Dictionary<string, FoundTopic> { ["eu-west-1.chat.presence"] = new(32, 2, "id") };
        var other = new Dictionary<string, string>(topic.Configs) { ["cleanup.policy"] = "delete,compact" };
        Assert.Empty(TopicPlan.For([presence], found, new Dictionary<string, IReadOnlyDictionary<string, string>> { ["eu-west-1.chat.presence"] = other }, Options).Reconfigure);
    }

    [Fact]
    public void For_FewerCopiesThanMustAck_IsAMismatchThatNamesTheOptions()
    {
        var mismatch = Assert.Single(Plan(128, Golden, replicas: 1).Mismatches);

        Assert.Contains("--kafka-replication", mismatch, StringComparison.Ordinal);
        Assert.Contains("--kafka-min-isr", mismatch, StringComparison.Ordinal);
    }

    [Fact]
    public void For_FewerCopiesThanWanted_IsAWarning()
    {
        var plan = Plan(128, Golden, replicas: 2);

        Assert.Contains("kafka-reassign-partitions", Assert.Single(plan.Warnings), StringComparison.Ordinal);
        Assert.Empty(plan.Mismatches);
        Assert.Empty(plan.Reconfigure);
    }

    [Fact]
    public void Lacks_MissingAndOtherTopics_NamesEachWithWhatItNeeds()
    {
        var found = new Dictionary<string, FoundTopic> { ["eu-west-1.chat.inbox"] = new(64, 3, "id") };

        var lacks = TopicPlan.Lacks([Inbox, Inbox with { Name = "chat.messages.1on1", Partitions = 64 }], found, Options);

        Assert.Equal(2, lacks.Count);
        Assert.Contains("'eu-west-1.chat.inbox' has 64 partitions, and 128 are wanted", lacks[0], StringComparison.Ordinal);
        Assert.Contains("'eu-west-1.chat.messages.1on1' is missing: 64 partitions, 3 copies", lacks[1], StringComparison.Ordinal);
        Assert.Contains("message.timestamp.type=LogAppendTime", lacks[1], StringComparison.Ordinal);
        Assert.Empty(TopicPlan.Lacks([Inbox], new Dictionary<string, FoundTopic> { ["eu-west-1.chat.inbox"] = new(128, 3, "id") }, Options));
    }

    [Fact]
    public void All_OfACellOnKafka_AreTheDocumentedTopics()
    {
        var topics = CellTopics.All(Topics.Full, "eu-west-1", ["us-east-1"]).Select(t => $"{t.Name} {t.Partitions} {t.Retention.TotalHours} h {TopicPlan.Replication(t, Options)} copies");

        Assert.Equal(
            [
                "chat.messages.1on1 64 168 h 3 copies",
                "chat.messages.group 128 168 h 3 copies",
                "chat.inbox 128 168 h 3 copies",
                "chat.dead 1 720 h 3 copies",
                "chat.presence 32 1 h 2 copies",
                "chat.notifications 32 24 h 3 copies",
                "chat.bridge.us-east-1 32 168 h 3 copies",
                "us-east-1.chat.bridge.eu-west-1 32 168 h 3 copies",
            ],
            topics);
    }

    [Fact]
    public void For_OtherPartitionCount_IsAMismatchAndTouchesNothing()
    {
        var plan = Plan(64, new Dictionary<string, string>());

        var mismatch = Assert.Single(plan.Mismatches);
        Assert.Contains("eu-west-1.chat.inbox", mismatch, StringComparison.Ordinal);
        Assert.Contains("64", mismatch, StringComparison.Ordinal);
        Assert.Empty(plan.Create);
        Assert.Empty(plan.Reconfigure);
    }
}
