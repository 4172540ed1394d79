using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.KafkaMock;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>The log's contract on librdkafka's mock cluster.</summary>
[Needs(Needed.Librdkafka)]
[ContractSuite(nameof(IMessageLog), "kafka-mock")]
public sealed class KafkaMockLogTests : ConsumerGroupContract
{
    private readonly MockKafkaCluster cluster = new();

    /// <summary>The producer's time.</summary>
    protected override bool StampsTheTime => false;

    protected override string? EngineVersion => MockKafkaCluster.Version;

    protected override ValueTask<IMessageLog> OpenAsync()
    {
        var options = new KafkaOptions { BootstrapServers = cluster.BootstrapServers, Prefix = "test.", MinInSyncReplicas = 1, SessionTimeout = TimeSpan.FromSeconds(6) };
        return new ValueTask<IMessageLog>(new KafkaLog(options, TimeProvider.System, NullLogger<KafkaLog>.Instance, new MockTopicAdmin(cluster)));
    }

    protected override ValueTask CleanUpAsync()
    {
        cluster.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>The log's contract on the Kafka that <c>KAFKA_BOOTSTRAP_SERVERS</c> names. Its topics are deleted afterwards.</summary>
[Needs(Needed.Kafka)]
[ContractSuite(nameof(IMessageLog), "kafka")]
public sealed class KafkaLogTests : ConsumerGroupContract
{
    protected override string? EngineVersion => RealKafka.BootstrapServers;

    protected override ValueTask<IMessageLog> OpenAsync() =>
        new(new KafkaLog(RealKafka.Options() with { Prefix = "test." }, TimeProvider.System, NullLogger<KafkaLog>.Instance));

    protected override async ValueTask CleanUpAsync() => await RealKafka.DeleteAsync(["test." + Topic], Topic);
}

/// <summary>The Kafka that <c>KAFKA_BOOTSTRAP_SERVERS</c> names; replication is what its brokers allow.</summary>
internal static class RealKafka
{
    public static string BootstrapServers => Environment.GetEnvironmentVariable("KAFKA_BOOTSTRAP_SERVERS")!;

    private static readonly Lazy<int> Brokers = new(() =>
    {
        LibrdkafkaLoader.EnsureLoaded();
        using var admin = new AdminClientBuilder(new ClientConfig { BootstrapServers = BootstrapServers }).Build();
        return admin.GetMetadata(TimeSpan.FromSeconds(30)).Brokers.Count;
    });

    public static KafkaOptions Options() => new()
    {
        BootstrapServers = BootstrapServers,
        ReplicationFactor = (short)Math.Min(3, Brokers.Value),
        MinInSyncReplicas = Math.Min(2, Brokers.Value),
        SessionTimeout = TimeSpan.FromSeconds(6),
    };

    /// <summary>Deletes topics, and the groups whose names have a part of their own in common with them: a cell's prefix, or the name of a test's only topic.</summary>
    public static async Task DeleteAsync(IReadOnlyList<string> topics, string part, KafkaOptions? options = null)
    {
        await DeleteTopicsAsync(topics, options);
        using var admin = Admin(options);
        var listed = await admin.ListConsumerGroupsAsync();
        var groups = listed.Valid.Select(g => g.GroupId).Where(id => id.Contains(part, StringComparison.Ordinal)).ToList();
        if (groups.Count == 0) return;
        try
        {
            await admin.DeleteGroupsAsync(groups);
        }
        catch (DeleteGroupsException e)
        {
            Assert.All(e.Results, r => Assert.True(!r.Error.IsError || r.Error.Code is ErrorCode.GroupIdNotFound or ErrorCode.NonEmptyGroup, r.Error.Reason));
        }
    }

    public static async Task DeleteTopicsAsync(IReadOnlyList<string> topics, KafkaOptions? options = null)
    {
        using var admin = Admin(options);
        try
        {
            await admin.DeleteTopicsAsync(topics);
        }
        catch (DeleteTopicsException e)
        {
            Assert.All(e.Results, r => Assert.True(!r.Error.IsError || r.Error.Code == ErrorCode.UnknownTopicOrPart, r.Error.Reason));
        }
    }

    private static IAdminClient Admin(KafkaOptions? options)
    {
        LibrdkafkaLoader.EnsureLoaded();
        return new AdminClientBuilder((options ?? new KafkaOptions { BootstrapServers = BootstrapServers }).Client("tests")).Build();
    }
}
