using System.Collections.Concurrent;
using System.Reflection;
using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>Back-pressure of one partition; needs no Kafka, since what the pump wants of the consumer is a queue of commands.</summary>
public sealed class PartitionPumpTests
{
    private const int HighWater = 2_048;
    private readonly ConcurrentQueue<PumpCommand> commands = new();
    private readonly RecordingConsumer consumer = new() { Metadata = null };

    private readonly SameTopic topic = new();

    private PartitionPump NewPump(Confluent.Kafka.IConsumer<byte[], byte[]>? kafka = null) => new(
        "group", new Confluent.Kafka.TopicPartition("p.topic", 0), new TopicPartition("topic", 0), null, topic, consumer, new PumpControl(kafka ?? DispatchProxy.Create<Confluent.Kafka.IConsumer<byte[], byte[]>, EmptyPartition>(), commands, new CommitQueue(_ => { }, TimeProvider.System), TimeSpan.FromSeconds(10), () => { }), TimeProvider.System, NullLogger.Instance);

    private static LogRecord Record(int offset) => new(offset, 1_000 + offset, new byte[] { 1 }, new byte[] { 2 });

    private sealed class SameTopic : IPumpTopic
    {
        public ValueTask<TopicHistory> HistoryAsync(CancellationToken cancellationToken) => new(TopicHistory.First);

        public ValueTask CheckAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ConcurrentQueue<(long From, int Seen)> Cuts { get; } = new();

        public ValueTask CutAsync(int partition, long from, int seen, CancellationToken cancellationToken)
        {
            Cuts.Enqueue((from, seen));
            return ValueTask.CompletedTask;
        }
    }

    public class EmptyPartition : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            targetMethod?.ReturnType == typeof(Confluent.Kafka.WatermarkOffsets) ? new Confluent.Kafka.WatermarkOffsets(0, 0) : null;
    }

    /// <summary>A partition that begins at 0 and ends at 250, whose records from 120 on were appended after 1.2 s.</summary>
    public class GrownPartition : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod?.Name switch
        {
            "QueryWatermarkOffsets" or "GetWatermarkOffsets" => new Confluent.Kafka.WatermarkOffsets(0, 250),
            "OffsetsForTimes" => FirstAfter(Assert.Single((IEnumerable<Confluent.Kafka.TopicPartitionTimestamp>)args![0]!)),
            _ => null,
        };

        private static List<Confluent.Kafka.TopicPartitionOffset> FirstAfter(Confluent.Kafka.TopicPartitionTimestamp wanted) =>
            [new(wanted.TopicPartition, wanted.Timestamp.UnixTimestampMs == 1_200 ? 120 : Confluent.Kafka.Offset.End)];
    }

    [Fact]
    public async Task OutOfRange_NewRecordsHaveGrownOverThePlaceMeanwhile_TheyAreOfANewGenerationFromTheirFirstOn()
    {
        var pump = NewPump(DispatchProxy.Create<Confluent.Kafka.IConsumer<byte[], byte[]>, GrownPartition>());
        for (var i = 0; i < 200; i++) pump.Add(Record(i));
        pump.Start();
        await Poll.UntilAsync(() => consumer.Seen.Count == 200, "what there was is processed");

        pump.OutOfRange();

        await Poll.UntilAsync(() => !topic.Cuts.IsEmpty, "the lost end is found out");
        await pump.StopAsync();
        Assert.Equal((120L, 0), Assert.Single(topic.Cuts));
    }

    [Fact]
    public async Task Add_UpToTheHighWaterMark_AsksForAPauseOnceAndForAResumeWhenEmptied()
    {
        var pump = NewPump();
        var full = Enumerable.Range(0, HighWater + 10).Select(i => pump.Add(Record(i))).ToList();
        Assert.Equal(HighWater - 1, full.IndexOf(true));
        Assert.Equal(HighWater - 1, full.LastIndexOf(true));
        Assert.Empty(commands);

        pump.Start();

        await Poll.UntilAsync(() => consumer.Seen.Count == HighWater + 10, "all records are processed");
        await pump.StopAsync();
        Assert.Same(pump, Assert.Single(commands).Pump);
        Assert.Empty(consumer.Faults);
    }

    [Fact]
    public async Task Add_OffsetsSeenBefore_AreDropped()
    {
        var pump = NewPump();
        foreach (var offset in new[] { 0, 1, 1, 0, 2 }) pump.Add(Record(offset));

        pump.Start();

        await Poll.UntilAsync(() => consumer.Seen.Count >= 3, "the records are processed");
        await pump.StopAsync();
        Assert.Equal([0L, 1L, 2L], consumer.Seen.Select(seen => seen.Offset));
    }

    [Fact]
    public async Task Commit_AfterBeingAbandoned_IsIgnored()
    {
        var pump = NewPump();
        pump.Abandon();

        await pump.CommitAsync(5, "late", default);

        Assert.Null(pump.Committed);
    }
}
