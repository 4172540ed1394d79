using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Contracts.Running;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>The settings in the secret change under a log that is used: on librdkafka's mock cluster, which asks for no password. With passwords: <see cref="SecureKafkaTests"/>.</summary>
[Needs(Needed.Librdkafka)]
public sealed class KafkaSettingsChangeTests
{
    private static readonly Dictionary<string, string> First = new() { ["client.rack"] = "a" };
    private IReadOnlyDictionary<string, string> settings = First;

    [Fact]
    public async Task Settings_ChangedInTheMidstOfAppends_AreTakenAndOrderHolds()
    {
        await using var kafka = await StartAsync();
        var consumer = new RecordingConsumer();
        await using var running = new Running(token => kafka.Log.ConsumeAsync("changes", [RunningLog.Topic], consumer, token));
        var appended = new List<string>();
        await AppendUntilAsync(kafka, appended, () => consumer.Seen.Count >= 20);

        Volatile.Write(ref settings, new Dictionary<string, string> { ["client.rack"] = "b" });
        await AppendUntilAsync(kafka, appended, () => Says(kafka, "The changed settings of Kafka's clients are used"));
        var starts = consumer.Starts.Count;
        await AppendUntilAsync(kafka, appended, () => consumer.Starts.Count > starts || consumer.Starts.Count > 1);
        var before = appended.Count;
        await AppendUntilAsync(kafka, appended, () => appended.Count >= before + 20);

        var read = await kafka.ReadAllAsync();
        // An append that was refused while the producer was replaced was made again; none is there twice, and none before one that was acked earlier.
        Assert.Equal(appended, read);
        await Poll.UntilAsync(() => consumer.Seen.Select(s => s.Offset).Distinct().Count() == appended.Count, "all is processed");
        Assert.Empty(consumer.Faults);
        Assert.True(consumer.Starts.Count > 1, "the consumer was not replaced");
    }

    [Theory]
    [InlineData("no.such.setting", "hidden", "no.such.setting")]
    [InlineData("broker.address.family", "hidden", "refuses a value")]
    [InlineData("security.protocol", "ssl", "don't take them")]
    public async Task Settings_ChangedToWhatDoesNotWork_ThoseOfBeforeAreKept(string name, string value, string said)
    {
        await using var kafka = await StartAsync();
        await kafka.AppendAsync("before");

        Volatile.Write(ref settings, new Dictionary<string, string> { [name] = value });
        await Poll.UntilAsync(() => Says(kafka, said), "it is said why");
        await kafka.AppendAsync("after");

        Assert.Equal(["before", "after"], await kafka.ReadAllAsync());
        Assert.DoesNotContain(kafka.Logged, line => line.Contains("hidden", StringComparison.Ordinal));
        Assert.False(Says(kafka, "settings of Kafka's clients are used"));
    }

    private static bool Says(RunningLog kafka, string words) => kafka.Logged.Any(line => line.Contains(words, StringComparison.Ordinal));

    private Task<RunningLog> StartAsync() => RunningLog.StartAsync(live: new LiveSettings(First, () => Volatile.Read(ref settings)));

    /// <summary>Appends one after the other, each until it is taken.</summary>
    private static async Task AppendUntilAsync(RunningLog kafka, List<string> appended, Func<bool> done) =>
        await Poll.UntilAsync(
            async () =>
            {
                var value = $"{appended.Count}";
                if (await kafka.TryAppendAsync(value)) appended.Add(value);
                return done();
            },
            "appends go on until then");
}
