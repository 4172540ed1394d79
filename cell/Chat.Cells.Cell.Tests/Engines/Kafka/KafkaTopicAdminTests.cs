using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>The administrative calls, on the Kafka that <c>KAFKA_BOOTSTRAP_SERVERS</c> names.</summary>
[Needs(Needed.Kafka)]
public sealed class KafkaTopicAdminTests : IAsyncLifetime
{
    private readonly KafkaOptions options = RealKafka.Options() with { Prefix = $"t{Guid.NewGuid():n}." };
    private readonly TopicSpec spec = new("chat.inbox", 3, TimeSpan.FromDays(7));
    private readonly TopicSpec presence = new("chat.presence", 2, TimeSpan.FromHours(1)) { Compacted = true, Ephemeral = true };

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => RealKafka.DeleteTopicsAsync([options.Full(spec.Name), options.Full(presence.Name)]);

    [Fact]
    public async Task Ensure_MissingTopics_MakesThemAsPlanned()
    {
        await EnsureAsync(options);

        using var admin = new KafkaTopicAdmin(options);
        var found = await admin.FindAsync([options.Full(spec.Name), options.Full(presence.Name)], default);
        Assert.Equal((3, options.ReplicationFactor), (found[options.Full(spec.Name)].Partitions, found[options.Full(spec.Name)].Replicas));
        Assert.Equal((2, Math.Min((short)2, options.ReplicationFactor)), (found[options.Full(presence.Name)].Partitions, found[options.Full(presence.Name)].Replicas));
        foreach (var topic in new[] { spec, presence })
        {
            var actual = (await admin.FindSettingsAsync([options.Full(topic.Name)], default))[options.Full(topic.Name)];
            foreach (var (name, value) in TopicPlan.Settings(topic, options)) Assert.Equal((name, value), (name, actual[name]));
        }
    }

    [Fact]
    public async Task Ensure_SettingsThatDrifted_PutsThemRightAndLeavesOthersAlone()
    {
        await EnsureAsync(options);
        using var admin = new KafkaTopicAdmin(options);
        var name = options.Full(spec.Name);
        await admin.ConfigureAsync(
            new Dictionary<string, IReadOnlyDictionary<string, string>>
            {
                [name] = new Dictionary<string, string> { ["retention.ms"] = "1000", ["message.timestamp.type"] = "CreateTime", ["segment.bytes"] = "1048576" },
            },
            default);

        await EnsureAsync(options);

        var actual = (await admin.FindSettingsAsync([name], default))[name];
        Assert.Equal(("604800000", "LogAppendTime", "1048576"), (actual["retention.ms"], actual["message.timestamp.type"], actual["segment.bytes"]));
    }

    [Fact]
    public async Task Ensure_ByManyAtOnce_AllFindTheTopics() => await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => EnsureAsync(options)));

    [Fact]
    public async Task Ensure_OtherPartitionCount_RefusesAndChangesNothing()
    {
        await EnsureAsync(options);

        await using var log = new KafkaLog(options, TimeProvider.System, NullLogger<KafkaLog>.Instance);
        await Assert.ThrowsAsync<LogException>(async () => await log.EnsureTopicsAsync([spec with { Partitions = 2 }], default));

        using var admin = new KafkaTopicAdmin(options);
        Assert.Equal(3, (await admin.FindAsync([options.Full(spec.Name)], default))[options.Full(spec.Name)].Partitions);
    }

    [Fact]
    public async Task Ensure_FewerCopiesThanMustAck_NamesTheOption()
    {
        using var admin = new KafkaTopicAdmin(options);
        await admin.CreateAsync([new TopicSpecification { Name = options.Full(spec.Name), NumPartitions = 3, ReplicationFactor = 1 }], default);

        var error = await Assert.ThrowsAsync<LogException>(() => EnsureAsync(options with { ReplicationFactor = 3, MinInSyncReplicas = 2 }));

        Assert.Contains("--kafka-min-isr 2", error.Message, StringComparison.Ordinal);
    }

    private async Task EnsureAsync(KafkaOptions with)
    {
        await using var log = new KafkaLog(with, TimeProvider.System, NullLogger<KafkaLog>.Instance);
        await log.EnsureTopicsAsync([spec, presence], default);
    }
}
