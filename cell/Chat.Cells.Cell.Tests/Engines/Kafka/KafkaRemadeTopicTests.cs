using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>A topic begins anew, or lost its end or its beginning, under a log that goes on: offsets never begin anew, and nothing that is there is skipped.</summary>
[Needs(Needed.Librdkafka)]
public sealed class KafkaRemadeTopicTests : IAsyncLifetime
{
    private const string Full = RunningLog.Prefix + RunningLog.Topic;
    private const string Group = "group";
    private readonly TempFolder folder = new();
    private SqliteStore store = null!;
    private RunningLog kafka = null!;

    public async Task InitializeAsync()
    {
        store = await SqliteStore.OpenAsync(Path.Combine(folder.Path, "store.db"), new SqliteStoreOptions(), TimeProvider.System, NullLogger<SqliteStore>.Instance, default);
        kafka = await RunningLog.StartAsync(generations: store);
    }

    public async Task DisposeAsync()
    {
        await kafka.DisposeAsync();
        await store.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task Topic_MadeAgainUnderAConsumer_GoesOnAtHigherOffsets()
    {
        var consumer = new RecordingConsumer { Metadata = record => $"t={record.Offset}" };
        using var stop = new CancellationTokenSource();
        var running = kafka.Log.ConsumeAsync(Group, [RunningLog.Topic], consumer, stop.Token);
        for (var i = 0; i < 5; i++) await kafka.AppendAsync($"old {i}");
        await Poll.UntilAsync(() => consumer.Seen.Count == 5, "the first records are processed");
        await CommittedAsync(5);

        kafka.Cluster.DeleteTopic(Full);
        kafka.Cluster.CreateTopic(Full, 1);
        var first = LogOffset.Of(1, 0);
        await Poll.UntilAsync(async () => (await kafka.Log.GetOffsetsAsync(RunningLog.Partition, default)) == new OffsetRange(first, first), "the new generation is known");
        await Poll.UntilAsync(async () => await kafka.TryAppendAsync("new 0"), "appends go on");
        await kafka.AppendAsync("new 1");

        await Poll.UntilAsync(() => consumer.Seen.Any(s => s.Value == "new 1"), "the new records are processed");
        var seen = consumer.Seen.Where(s => s.Value.StartsWith("new", StringComparison.Ordinal)).DistinctBy(s => s.Offset).ToList();
        Assert.Equal(["new 0", "new 1"], seen.Select(s => s.Value));
        Assert.Equal([first, first + 1], seen.Select(s => s.Offset));
        await CommittedAsync(first + 2);
        Assert.Equal($"t={first + 1}", (await kafka.Log.GetCommittedAsync(Group, RunningLog.Partition, default))!.Metadata);
        await stop.CancelAsync();
        await running;

        var second = new RecordingConsumer();
        using var stopAgain = new CancellationTokenSource();
        running = kafka.Log.ConsumeAsync(Group, [RunningLog.Topic], second, stopAgain.Token);
        await Poll.UntilAsync(() => !second.Starts.IsEmpty, "it starts again");
        Assert.Equal(first + 2, Assert.Single(second.Starts)!.NextOffset);
        await stopAgain.CancelAsync();
        await running;
        Assert.Empty(second.Seen);
        await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () => await kafka.Log.ReadAsync(RunningLog.Partition, 0, 10, TimeSpan.Zero, default));
    }

    [Fact]
    public async Task Partition_EndsBelowWhatWasCommitted_TakesWhatComesThereAsNew()
    {
        for (var i = 0; i < 5; i++) await kafka.AppendAsync($"kept {i}");
        Commit(8);
        var consumer = new RecordingConsumer();
        using var stop = new CancellationTokenSource();
        var running = kafka.Log.ConsumeAsync(Group, [RunningLog.Topic], consumer, stop.Token);
        await Poll.UntilAsync(() => kafka.Logged.Any(l => l.Contains("lost what it had from offset 5", StringComparison.Ordinal)), "the lost end is found out");

        for (var i = 0; i < 5; i++) await kafka.AppendAsync($"new {i}");

        await Poll.UntilAsync(() => consumer.Seen.Count >= 5, "the new records are processed");
        await stop.CancelAsync();
        await running;
        Assert.Equal(Enumerable.Range(0, 5).Select(i => ($"new {i}", LogOffset.Of(1, 5 + i))), consumer.Seen.Select(s => (s.Value, s.Offset)));
    }

    [Fact]
    public async Task Partition_BeginsAboveWhatWasCommitted_GoesOnAtTheOldestAndSaysSo()
    {
        for (var i = 0; i < 10; i++) await kafka.AppendAsync($"{i}");
        Commit(2);
        kafka.Cluster.DeleteRecords(Full, 0, 6);
        using var skipped = new SkippedReading(Group, RunningLog.Topic);
        var consumer = new RecordingConsumer();
        using var stop = new CancellationTokenSource();
        var running = kafka.Log.ConsumeAsync(Group, [RunningLog.Topic], consumer, stop.Token);

        await Poll.UntilAsync(() => consumer.Seen.Any(s => s.Value == "9"), "the rest is processed");
        await stop.CancelAsync();
        await running;
        Assert.Equal(["6", "7", "8", "9"], consumer.Seen.Select(s => s.Value));
        Assert.Contains(kafka.Logged, l => l.Contains("the records from 2 to 6 are gone", StringComparison.Ordinal));
        Assert.Equal(4, skipped.Total);
    }

    [Fact]
    public async Task Partition_BeginningIsGoneAndNothingWasCommitted_LagCountsFromTheOldest()
    {
        for (var i = 0; i < 10; i++) await kafka.AppendAsync($"{i}");
        kafka.Cluster.DeleteRecords(Full, 0, 6);
        using var skipped = new SkippedReading("newcomer", RunningLog.Topic);
        var hang = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new RecordingConsumer { BeforeBatch = (_, _) => new ValueTask(hang.Task) };
        using var stop = new CancellationTokenSource();
        var running = kafka.Log.ConsumeAsync("newcomer", [RunningLog.Topic], consumer, stop.Token);

        await Poll.UntilAsync(() => LagReading.Of("newcomer", RunningLog.Topic, 0) is not null, "the lag is known");
        Assert.Equal(4, LagReading.Of("newcomer", RunningLog.Topic, 0));

        hang.SetResult();
        await Poll.UntilAsync(() => LagReading.Of("newcomer", RunningLog.Topic, 0) == 0, "all is processed");
        await stop.CancelAsync();
        await running;
        Assert.Equal(["6", "7", "8", "9"], consumer.Seen.Select(s => s.Value));
        Assert.Equal(0, skipped.Total);
    }

    private async Task CommittedAsync(long next) =>
        await Poll.UntilAsync(async () => (await kafka.Log.GetCommittedAsync(Group, RunningLog.Partition, default))?.NextOffset == next, $"{next} is committed");

    /// <summary>As the group had committed before the partition changed.</summary>
    private void Commit(long offset)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = kafka.Cluster.BootstrapServers, GroupId = RunningLog.Prefix + Group }).Build();
        consumer.Commit([new TopicPartitionOffset(Full, 0, offset)]);
    }
}
