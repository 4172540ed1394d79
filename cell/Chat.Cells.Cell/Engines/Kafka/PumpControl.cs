using System.Collections.Concurrent;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>What a pump may ask of the consumer: run on the polling thread.</summary>
internal sealed class PumpControl(IConsumer<byte[], byte[]> consumer, ConcurrentQueue<PumpCommand> commands, CommitQueue commits, TimeSpan requestTimeout, Action restart)
{
    /// <summary>Commits a place other than the processor's and has the consumer begin anew: librdkafka goes nowhere by itself after an offset that isn't there.</summary>
    /// <exception cref="KafkaException">Not committed.</exception>
    public async Task BeginAnewAsync(Confluent.Kafka.TopicPartition source, long nextOffset, string metadata, CancellationToken cancellationToken)
    {
        commits.Forget(source);
        await Task.Run(() => OffsetCommits.CommitNow(consumer, new CommitPlace(source, nextOffset, metadata)), cancellationToken);
        restart();
    }

    /// <summary>The partition's end as the last fetch showed it; null while none did. Asks nobody.</summary>
    public long? EndOf(Confluent.Kafka.TopicPartition source)
    {
        try
        {
            return consumer.GetWatermarkOffsets(source).High is { IsSpecial: false } high ? high.Value : null;
        }
        catch (Exception e) when (e is KafkaException or ObjectDisposedException)
        {
            // Not assigned any more, or the consumer is gone.
            return null;
        }
    }

    /// <summary>Kafka's own offsets of a partition. Blocks.</summary>
    /// <exception cref="KafkaException">No answer.</exception>
    public OffsetRange AskOffsets(Confluent.Kafka.TopicPartition source, TimeSpan timeout) => PartitionReader.Offsets(consumer, source, timeout);

    /// <summary>Kafka's own offsets of a partition.</summary>
    /// <exception cref="KafkaException">No answer.</exception>
    public Task<OffsetRange> OffsetsAsync(Confluent.Kafka.TopicPartition source, CancellationToken cancellationToken) =>
        Task.Run(() => AskOffsets(source, requestTimeout), cancellationToken);

    /// <summary>The first record that was appended after a time (Unix ms); null when there is none.</summary>
    /// <exception cref="KafkaException">No answer.</exception>
    public Task<long?> FirstAfterAsync(Confluent.Kafka.TopicPartition source, long time, CancellationToken cancellationToken) => Task.Run(
        () => consumer.OffsetsForTimes([new TopicPartitionTimestamp(source, new Timestamp(time + 1, TimestampType.LogAppendTime))], requestTimeout)[0].Offset is { IsSpecial: false } first
            ? first.Value
            : (long?)null,
        cancellationToken);

    public void Enqueue(PartitionPump pump, Action<IConsumer<byte[], byte[]>> run) => commands.Enqueue(new PumpCommand(pump, run));

    public void Commit(Confluent.Kafka.TopicPartition source, long nextOffset, string metadata) => commits.Put(new CommitPlace(source, nextOffset, metadata));
}

/// <summary>Something that a pump wants done on the polling thread.</summary>
internal readonly record struct PumpCommand(PartitionPump Pump, Action<IConsumer<byte[], byte[]>> Run);

/// <summary>What a pump may ask about its topic.</summary>
internal interface IPumpTopic
{
    /// <summary>The topic's generations as they are stored now.</summary>
    ValueTask<TopicHistory> HistoryAsync(CancellationToken cancellationToken);

    /// <summary>Finds out whether the topic was made again; if so, all consumers are stopped and begin anew.</summary>
    ValueTask CheckAsync(CancellationToken cancellationToken);

    /// <summary>The partition lost its end: from an offset on its records are new ones.</summary>
    /// <param name="seen">The generation of the last record that was read or committed before.</param>
    ValueTask CutAsync(int partition, long from, int seen, CancellationToken cancellationToken);
}

/// <inheritdoc/>
internal sealed class PumpTopic(KafkaTopics topics, string topic) : IPumpTopic
{
    public ValueTask<TopicHistory> HistoryAsync(CancellationToken cancellationToken) => topics.RefreshAsync(topic, cancellationToken);

    public ValueTask CheckAsync(CancellationToken cancellationToken) => topics.CheckAsync(cancellationToken);

    public ValueTask CutAsync(int partition, long from, int seen, CancellationToken cancellationToken) => topics.CutAsync(topic, partition, from, seen, cancellationToken);
}
