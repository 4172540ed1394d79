using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>
/// A whole cell with the security settings of its Secret, on the cluster that <c>KAFKA_SECURE_BOOTSTRAP_SERVERS</c> names; <c>KAFKA_SECURE_PROPERTIES</c> names a
/// <c>kafka.properties</c> for it.
/// </summary>
[Needs(Needed.SecureKafka)]
public sealed class SecureKafkaTests : KafkaCellContract
{
    private readonly string cell = $"t{Guid.NewGuid():n}"[..20];

    private static string Servers => Environment.GetEnvironmentVariable("KAFKA_SECURE_BOOTSTRAP_SERVERS")!;

    private static string Properties => File.ReadAllText(Environment.GetEnvironmentVariable("KAFKA_SECURE_PROPERTIES")!);

    protected override CellOptions OnKafka(CellOptions options) => WithSettings(options, Properties);

    protected override Task RemakeAsync(TopicSpec topic) => DeleteAsync([topic]);

    protected override Task CleanUpAsync() => DeleteAsync(CellTopics.All(Topics.Embedded, cell, []));

    [Fact]
    public async Task Start_WrongPassword_SaysSoWithoutShowingIt()
    {
        var wrong = string.Join('\n', Properties.Split('\n').Select(line => line.StartsWith("sasl.password", StringComparison.Ordinal) ? "sasl.password=hidden words" : line));
        var options = WithSettings(Options, wrong);
        await using var log = new KafkaLog(KafkaSettings.From(options), TimeProvider.System, NullLogger<KafkaLog>.Instance);

        var error = await Assert.ThrowsAnyAsync<LogException>(async () => await CellTopics.EnsureAsync(log, Topics.Embedded, new Messaging.Doubles.TestDirectory(cell), default));

        Assert.True(error.Message.Contains("uthentication", StringComparison.Ordinal), error.Message);
        Assert.DoesNotContain("hidden words", error.ToString(), StringComparison.Ordinal);
    }

    private CellOptions WithSettings(CellOptions options, string properties)
    {
        Directory.CreateDirectory(options.SecretsDirectory);
        File.WriteAllText(Path.Combine(options.SecretsDirectory, KafkaSettings.SecretsFile), properties);
        return options with { Cell = cell, Log = "kafka", KafkaBootstrap = Servers };
    }

    private async Task DeleteAsync(IReadOnlyList<TopicSpec> topics) =>
        await RealKafka.DeleteTopicsAsync([.. topics.Select(t => $"{cell}.{t.Name}")], new KafkaOptions { BootstrapServers = Servers, Settings = KafkaSettings.Parse(Properties) });
}
