using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>The log's contract on Kafka: a real one where <c>KAFKA_BOOTSTRAP_SERVERS</c> names it, else the mock cluster.</summary>
public sealed class KafkaLogTests : ConsumerGroupContract
{
    private readonly MockKafkaCluster? mock = Servers is null ? new MockKafkaCluster() : null;
    private MockTopicAdmin? admin;

    private static string? Servers => Environment.GetEnvironmentVariable("KAFKA_BOOTSTRAP_SERVERS") is { Length: > 0 } servers ? servers : null;

    protected override bool StampsTheTime => mock is null;

    protected override ValueTask<IMessageLog> OpenAsync()
    {
        var options = new KafkaOptions
        {
            BootstrapServers = mock?.BootstrapServers ?? Servers!,
            Prefix = "test.",
            ReplicationFactor = 1,
            MinInSyncReplicas = 1,
            SessionTimeout = TimeSpan.FromSeconds(6),
        };
        if (mock is not null) admin ??= new MockTopicAdmin(mock);
        return new ValueTask<IMessageLog>(new KafkaLog(options, TimeProvider.System, NullLogger<KafkaLog>.Instance, admin));
    }

    protected override ValueTask CleanUpAsync()
    {
        mock?.Dispose();
        return ValueTask.CompletedTask;
    }
}
