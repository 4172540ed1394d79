using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Contracts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>Faults of librdkafka's mock cluster under the log: every append that was acked is read once, in order.</summary>
[Needs(Needed.Librdkafka)]
public sealed class KafkaFaultTests
{
    private const short Produce = 0;
    private const short OffsetCommit = 8;
    private const short OffsetFetch = 9;
    private const short FindCoordinator = 10;
    private const int CoordinatorNotAvailable = 15;
    private const int NotLeader = 6;
    private const int UnknownTopic = 3;
    private const int RequestTimedOut = 7;
    private const int RebalanceInProgress = 27;
    private const int TopicAuthorizationFailed = 29;

    [Fact]
    public async Task Append_LeaderDownAndUp_WaitsAndKeepsOrder()
    {
        await using var kafka = await RunningLog.StartAsync();
        await kafka.AppendAsync("before");
        for (var broker = 1; broker <= kafka.Cluster.Brokers; broker++) kafka.Cluster.SetBrokerDown(broker);
        var appends = Enumerable.Range(0, 20).Select(i => kafka.AppendAsync($"{i}")).ToList();
        Assert.All(appends, append => Assert.False(append.IsCompleted));
        for (var broker = 1; broker <= kafka.Cluster.Brokers; broker++) kafka.Cluster.SetBrokerUp(broker);

        await Task.WhenAll(appends);

        Assert.Equal(["before", .. Enumerable.Range(0, 20).Select(i => $"{i}")], await kafka.ReadAllAsync());
    }

    [Fact]
    public async Task Append_LeaderMoves_FollowsIt()
    {
        await using var kafka = await RunningLog.StartAsync();
        var expected = new List<string>();
        for (var broker = 1; broker <= kafka.Cluster.Brokers; broker++)
        {
            kafka.Cluster.SetLeader(RunningLog.Prefix + RunningLog.Topic, 0, broker);
            string[] values = [.. Enumerable.Range(0, 10).Select(i => $"{broker}.{i}")];
            expected.AddRange(values);
            await kafka.AppendInOrderAsync(values);
        }

        Assert.Equal(expected, await kafka.ReadAllAsync());
    }

    [Fact]
    public async Task Append_RetriableErrors_AreNotSeenAndDoubleNothing()
    {
        await using var kafka = await RunningLog.StartAsync();
        kafka.Cluster.PushErrors(Produce, NotLeader, RequestTimedOut, NotLeader);

        await kafka.AppendInOrderAsync([.. Enumerable.Range(0, 50).Select(i => $"{i}")]);

        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{i}"), await kafka.ReadAllAsync());
    }

    [Fact]
    public async Task Append_BrokerSlowerThanThePatience_IsUnknownAndStaysInItsPlace()
    {
        await using var kafka = await RunningLog.StartAsync(TimeSpan.FromSeconds(1));
        await Poll.UntilAsync(async () => await kafka.TryAppendAsync("before"), "the first append"); // connecting may take longer than the patience
        for (var broker = 1; broker <= kafka.Cluster.Brokers; broker++) kafka.Cluster.SetRoundTrip(broker, TimeSpan.FromSeconds(3));
        await Assert.ThrowsAsync<LogUnavailableException>(() => kafka.AppendAsync("slow"));
        for (var broker = 1; broker <= kafka.Cluster.Brokers; broker++) kafka.Cluster.SetRoundTrip(broker, TimeSpan.Zero);
        await Poll.UntilAsync(async () => await kafka.TryAppendAsync("after"), "appends go on");

        var read = await kafka.ReadAllAsync();
        Assert.Equal(["before", "slow", "after"], read.Distinct());
        Assert.Single(read, "slow");
    }

    [Fact]
    public async Task Read_ManyLongRecords_IsBoundedInBytesAndGoesOn()
    {
        await using var kafka = await RunningLog.StartAsync();
        var values = Enumerable.Range(0, 9).Select(i => i + new string('x', 1_000_000)).ToList();
        await kafka.AppendInOrderAsync(values);

        var first = await kafka.Log.ReadAsync(RunningLog.Partition, 0, 100, TimeSpan.Zero, default);

        Assert.InRange(first.Count, 1, 4);
        Assert.Equal(values, await kafka.ReadAllAsync());
    }

    [Fact]
    public async Task AppendInOrder_BatchRefusedForGood_LeavesNothingBehindItAndTheProducerIsReplaced()
    {
        await using var kafka = await RunningLog.StartAsync();
        await kafka.AppendAsync("before");
        kafka.Cluster.PushErrors(Produce, TopicAuthorizationFailed);

        await Assert.ThrowsAnyAsync<LogException>(() => kafka.AppendInOrderAsync([.. Enumerable.Range(0, 1_000).Select(i => $"{i}")]));
        await Poll.UntilAsync(async () => await kafka.TryAppendAsync("after"), "appends go on with a new producer");

        var read = await kafka.ReadAllAsync();
        var appended = read.Where(value => value is not ("before" or "after")).ToList();
        Assert.Equal(Enumerable.Range(0, appended.Count).Select(i => $"{i}"), appended);
        Assert.Equal(["before", "after"], [read[0], read[^1]]);
        Assert.Single(kafka.Logged, line => line.Contains("is replaced", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Open_UnknownSetting_NamesItAndNotItsValue()
    {
        var folder = Directory.CreateTempSubdirectory("kafka-open-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, KafkaSettings.SecretsFile), "sasl.passwort=hidden words");
            var options = new CellOptions { Cell = "a", Number = 1, Region = "r", DataDirectory = Path.Combine(folder, "data"), SecretsDirectory = folder, Log = "kafka", KafkaBootstrap = "127.0.0.1:1" };

            var error = await Assert.ThrowsAsync<OptionsException>(() => CellEngines.OpenAsync(options, TimeProvider.System, NullLoggerFactory.Instance, default));

            Assert.Contains("sasl.passwort", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("hidden words", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    [Fact]
    public async Task Consume_BrokersHaveNotHeardOfOneTopicYet_ItComesWhenTheyHave()
    {
        const string late = "late";
        await using var kafka = await RunningLog.StartAsync(externalTopics: true);
        kafka.Cluster.CreateTopic(RunningLog.Prefix + late, 1);
        await kafka.Log.EnsureTopicsAsync([new TopicSpec(late, 1, TimeSpan.FromDays(1))], default);
        await kafka.AppendAsync("known");
        await kafka.Log.AppendAsync(new TopicPartition(late, 0), "key"u8.ToArray(), "waits"u8.ToArray(), default);
        kafka.Cluster.SetTopicError(RunningLog.Prefix + late, UnknownTopic);
        var consumer = new RecordingConsumer();
        using var stop = new CancellationTokenSource();
        var running = kafka.Log.ConsumeAsync("group", [RunningLog.Topic, late], consumer, stop.Token);
        await Poll.UntilAsync(() => consumer.Seen.Count == 1, "the member is in the group, for the topic that is known");

        kafka.Cluster.SetTopicError(RunningLog.Prefix + late, 0);

        await Poll.UntilAsync(() => consumer.Seen.Count == 2, "the other topic's record is processed");
        Assert.Equal(["known", "waits"], consumer.Seen.Select(s => s.Value));
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task Consume_LeftOutsideTheGroup_TriesWithANewClient()
    {
        await using var kafka = await RunningLog.StartAsync();
        await kafka.AppendAsync("waits");
        kafka.Cluster.PushErrors(FindCoordinator, [.. Enumerable.Repeat(CoordinatorNotAvailable, 1_000)]);
        var consumer = new RecordingConsumer();
        using var stop = new CancellationTokenSource();
        var running = kafka.Log.ConsumeAsync("group", [RunningLog.Topic], consumer, stop.Token);
        await Poll.UntilAsync(() => kafka.Logged.Any(l => l.Contains("has not let this server into the group", StringComparison.Ordinal)), "it is said");
        Assert.Empty(consumer.Seen);

        kafka.Cluster.ClearErrors(FindCoordinator);

        await Poll.UntilAsync(() => consumer.Seen.Count == 1, "the record is processed");
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task Consume_CoordinatorNotAvailableAtFirst_ProcessesAll()
    {
        await using var kafka = await RunningLog.StartAsync();
        await kafka.AppendAsync("a");
        kafka.Cluster.PushErrors(FindCoordinator, CoordinatorNotAvailable, CoordinatorNotAvailable);
        kafka.Cluster.PushErrors(OffsetFetch, CoordinatorNotAvailable);
        var consumer = new RecordingConsumer();
        using var stop = new CancellationTokenSource();
        var running = kafka.Log.ConsumeAsync("group", [RunningLog.Topic], consumer, stop.Token);

        await Poll.UntilAsync(() => consumer.Seen.Count == 1, "the record is processed");
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Empty(consumer.Faults);
    }

    [Fact]
    public async Task Commit_RefusedDuringARebalanceAndNoRecordAfterIt_IsSentAgain()
    {
        await using var kafka = await RunningLog.StartAsync();
        await kafka.AppendInOrderAsync(["a", "b", "c"]);
        kafka.Cluster.PushErrors(OffsetCommit, RebalanceInProgress, RebalanceInProgress, RebalanceInProgress, RebalanceInProgress);
        var consumer = new RecordingConsumer();
        using var stop = new CancellationTokenSource();
        var running = kafka.Log.ConsumeAsync("group", [RunningLog.Topic], consumer, stop.Token);

        await Poll.UntilAsync(async () => (await kafka.Log.GetCommittedAsync("group", RunningLog.Partition, default))?.NextOffset == 3, "all three are committed");
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(["a", "b", "c"], consumer.Seen.Select(seen => seen.Value));
    }

    [Fact]
    public async Task Read_BrokersThatLeaveAndComeBack_GoesOn()
    {
        await using var kafka = await RunningLog.StartAsync();
        await kafka.AppendInOrderAsync(["a", "b"]);
        for (var broker = 1; broker <= kafka.Cluster.Brokers; broker++)
        {
            kafka.Cluster.SetBrokerDown(broker);
            // While it is away some are answered and some aren't; none of that may stay so.
            for (var i = 0; i < 4; i++) await TryAsync(kafka.ReadAllAsync);
            await TryAsync(CommittedAsync);
            kafka.Cluster.SetBrokerUp(broker);
        }

        await Poll.UntilAsync(async () => await TryAsync(kafka.ReadAllAsync) is ["a", "b"], "reads go on");
        await Poll.UntilAsync(async () => await TryAsync(CommittedAsync) is "", "so do questions for commits");

        async Task<string> CommittedAsync() => $"{await kafka.Log.GetCommittedAsync("group", RunningLog.Partition, default)}";

        static async Task<T?> TryAsync<T>(Func<Task<T>> ask)
            where T : class
        {
            try
            {
                return await ask();
            }
            catch (LogUnavailableException)
            {
                return null;
            }
        }
    }

    [Fact]
    public async Task Consume_BatchThatAppendsMoreThanTheProducerTakes_GoesOnWithSmallerOnes()
    {
        await using var kafka = await RunningLog.StartAsync();
        await kafka.AppendInOrderAsync([.. Enumerable.Range(0, 100).Select(i => $"{i}")]);
        var consumer = new RecordingConsumer
        {
            BeforeBatch = (_, batch) => batch.Count <= 10 ? ValueTask.CompletedTask : ValueTask.FromException(new LogFullException("Full.")),
        };
        using var stop = new CancellationTokenSource();
        var running = kafka.Log.ConsumeAsync("group", [RunningLog.Topic], consumer, stop.Token);

        await Poll.UntilAsync(() => consumer.Seen.Count == 100, "all records are processed");
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{i}"), consumer.Seen.Select(seen => seen.Value));
    }

    [Fact]
    public async Task Dispose_BrokersDown_EndsAndAnswersEveryAppend()
    {
        var kafka = await RunningLog.StartAsync(TimeSpan.FromSeconds(2));
        for (var broker = 1; broker <= kafka.Cluster.Brokers; broker++) kafka.Cluster.SetBrokerDown(broker);
        var append = kafka.AppendAsync("lost");

        await kafka.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));

        await Assert.ThrowsAsync<LogUnavailableException>(() => append.WaitAsync(TimeSpan.FromSeconds(30)));
    }
}
