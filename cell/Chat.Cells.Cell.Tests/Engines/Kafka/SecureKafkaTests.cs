using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging.Abstractions;
using TopicPartition = Chat.Cells.Cell.Ports.TopicPartition;

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

    /// <summary>Also what the other cell of the test's directory has: "a".</summary>
    protected override Task CleanUpAsync() => RealKafka.DeleteAsync(Names(CellTopics.All(Topics.Embedded, cell, ["a"])), cell + ".", Given);

    [Fact]
    public async Task Start_WrongPassword_SaysSoWithoutShowingIt()
    {
        var wrong = string.Join('\n', Properties.Split('\n').Select(line => line.StartsWith("sasl.password", StringComparison.Ordinal) ? "sasl.password=hidden words" : line));
        var options = WithSettings(Options, wrong);
        await using var log = new KafkaLog(KafkaSettings.From(options, NullLogger.Instance), TimeProvider.System, NullLogger<KafkaLog>.Instance);

        var error = await Assert.ThrowsAnyAsync<LogException>(async () => await CellTopics.EnsureAsync(log, Topics.Embedded, new Messaging.Doubles.TestDirectory(cell), default));

        Assert.True(error.Message.Contains("uthentication", StringComparison.Ordinal), error.Message);
        Assert.DoesNotContain("hidden words", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Password_Changed_IsTakenInTheMidstOfAppendsWithoutARestart()
    {
        // A user of our own where passwords can be changed here; else the same one, and another setting changes.
        var user = $"u{Guid.NewGuid():n}"[..16];
        var given = KafkaSettings.Parse(Properties);
        var mechanism = given.GetValueOrDefault("sasl.mechanisms") ?? given.GetValueOrDefault("sasl.mechanism") ?? "";
        var isScram = mechanism.StartsWith("SCRAM", StringComparison.Ordinal);
        if (isScram) await SetPasswordAsync(given, mechanism, user, "first");
        var options = WithSettings(Options, PropertiesOf(user, "first"));
        var lines = new Lines();
        await using (var log = new KafkaLog(KafkaSettings.From(options, NullLogger.Instance) with { TopicCheckInterval = TimeSpan.FromMilliseconds(500) }, TimeProvider.System, lines))
        {
            await CellTopics.EnsureAsync(log, Topics.Embedded, new Messaging.Doubles.TestDirectory(cell), default);
            var partition = new TopicPartition(Topics.InboxTopic, 0);
            var consumer = new RecordingConsumer();
            await using var running = new Running(token => log.ConsumeAsync("changes", [Topics.InboxTopic], consumer, token));
            var appended = new List<string>();
            await AppendUntilAsync(() => consumer.Seen.Count >= 10);

            if (isScram) await SetPasswordAsync(given, mechanism, user, "second");
            File.WriteAllText(Path.Combine(options.SecretsDirectory, KafkaSettings.SecretsFile), PropertiesOf(user, "second") + "\nclient.rack=b\n");
            await AppendUntilAsync(() => lines.Written.Any(line => line.Contains("The changed settings of Kafka's clients are used", StringComparison.Ordinal)));
            var before = appended.Count;
            await AppendUntilAsync(() => appended.Count >= before + 10);
            await Poll.UntilAsync(() => consumer.Seen.Select(s => s.Offset).Distinct().Count() == appended.Count, "all is processed");

            Assert.Equal(appended, consumer.Seen.DistinctBy(s => s.Offset).OrderBy(s => s.Offset).Select(s => s.Value));
            Assert.Empty(consumer.Faults);

            async Task AppendUntilAsync(Func<bool> done) => await Poll.UntilAsync(
                async () =>
                {
                    var value = $"{appended.Count}";
                    try
                    {
                        await log.AppendAsync(partition, "key"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes(value), default);
                        appended.Add(value);
                    }
                    catch (LogFullException)
                    {
                        // The producer is being replaced: not taken, and so made again.
                    }
                    return done();
                },
                "appends go on until then");
        }
        if (isScram) await SetPasswordAsync(given, mechanism, user, null);

        string PropertiesOf(string name, string password) => isScram
            ? string.Join('\n', given.Where(s => s.Key is not ("sasl.username" or "sasl.password")).Select(s => $"{s.Key}={s.Value}").Append($"sasl.username={name}").Append($"sasl.password={password}"))
            : Properties;
    }

    /// <param name="password">Null: the user is removed.</param>
    private static async Task SetPasswordAsync(IReadOnlyDictionary<string, string> given, string mechanism, string user, string? password)
    {
        var kind = mechanism.EndsWith("512", StringComparison.Ordinal) ? ScramMechanism.ScramSha512 : ScramMechanism.ScramSha256;
        using var admin = new AdminClientBuilder(new KafkaOptions { BootstrapServers = Servers, Settings = given }.Client("tests")).Build();
        UserScramCredentialAlteration change = password is null
            ? new UserScramCredentialDeletion { User = user, Mechanism = kind }
            : new UserScramCredentialUpsertion
            {
                User = user,
                Password = System.Text.Encoding.UTF8.GetBytes(password),
                Salt = System.Security.Cryptography.RandomNumberGenerator.GetBytes(16),
                ScramCredentialInfo = new ScramCredentialInfo { Mechanism = kind, Iterations = 4096 },
            };
        await admin.AlterUserScramCredentialsAsync([change]);
    }

    private CellOptions WithSettings(CellOptions options, string properties)
    {
        Directory.CreateDirectory(options.SecretsDirectory);
        File.WriteAllText(Path.Combine(options.SecretsDirectory, KafkaSettings.SecretsFile), properties);
        return options with { Cell = cell, Log = "kafka", KafkaBootstrap = Servers };
    }

    private Task DeleteAsync(IReadOnlyList<TopicSpec> topics) => RealKafka.DeleteTopicsAsync(Names(topics), Given);

    private static KafkaOptions Given => new() { BootstrapServers = Servers, Settings = KafkaSettings.Parse(Properties) };

    private IReadOnlyList<string> Names(IReadOnlyList<TopicSpec> topics) => [.. topics.Select(t => $"{cell}.{t.Name}")];
}
