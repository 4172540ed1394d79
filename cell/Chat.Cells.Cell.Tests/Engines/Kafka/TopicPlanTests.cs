using Chat.Cells.Cell.Engines.Kafka;
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
        ["compression.type"] = "producer",
    };

    private static TopicPlan Plan(int? partitions, IReadOnlyDictionary<string, string>? settings = null) => TopicPlan.For(
        [Inbox],
        partitions is { } count ? new Dictionary<string, int> { ["eu-west-1.chat.inbox"] = count } : [],
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
