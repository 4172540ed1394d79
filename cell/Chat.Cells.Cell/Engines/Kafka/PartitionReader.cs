using System.Diagnostics;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka;
using TopicPartition = Chat.Cells.Cell.Ports.TopicPartition;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>Reads one partition from given offsets, without a group; keeps its place, so that reading on costs no seek. One read at a time.</summary>
internal sealed class PartitionReader : IDisposable
{
    /// <summary>A read ends with the record that reaches so many bytes: many are read at once where a bridge catches up.</summary>
    private const int MaxReadBytes = 4_000_000;

    private readonly KafkaOptions _options;
    private readonly TimeProvider _time;
    private readonly Confluent.Kafka.TopicPartition _source;
    private readonly IConsumer<byte[], byte[]> _consumer;
    private long _position = long.MinValue;
    private long _end;

    public PartitionReader(KafkaOptions options, TimeProvider time, TopicPartition partition)
    {
        _options = options;
        _time = time;
        Partition = partition;
        _source = new Confluent.Kafka.TopicPartition(options.Full(partition.Topic), partition.Partition);
        _consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig(options.Client("chat-cells-reader"))
        {
            GroupId = options.Full("reader"),
            EnableAutoCommit = false,
            EnableAutoOffsetStore = false,
            AutoOffsetReset = AutoOffsetReset.Error,
            FetchWaitMaxMs = 100,
            MaxPartitionFetchBytes = Math.Max(1_048_576, options.MaxRecordBytes),
            // Of one partition, and there may be many readers: what is fetched ahead is little.
            QueuedMinMessages = 1_000,
            QueuedMaxMessagesKbytes = 4_096,
            ConsumeResultFields = "timestamp,topic",
        }).SetLogHandler((_, _) => { }).Build();
    }

    public TopicPartition Partition { get; }

    public async Task<IReadOnlyList<LogRecord>> ReadAsync(long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken)
    {
        try
        {
            return await NewTopics.AskAsync(() => Task.Run(() => Read(fromOffset, maxRecords, wait, cancellationToken), cancellationToken), _time, cancellationToken);
        }
        catch (KafkaException e)
        {
            _position = long.MinValue;
            throw new LogUnavailableException($"Kafka did not answer a read of {Partition.Topic}[{Partition.Partition}]: {e.Error.Reason}", e);
        }
    }

    /// <summary>Asks the brokers. Blocks; any client may be used by several threads at once.</summary>
    public static OffsetRange Offsets(IConsumer<byte[], byte[]> client, Confluent.Kafka.TopicPartition source, TimeSpan timeout)
    {
        var marks = client.QueryWatermarkOffsets(source, timeout);
        return new OffsetRange(marks.Low.Value, marks.High.Value);
    }

    private List<LogRecord> Read(long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken)
    {
        // What the partition holds now is returned however long the fetch takes; only what isn't there yet is waited for.
        var next = Seek(fromOffset);
        var limit = next > fromOffset ? _options.RequestTimeout : wait;
        var records = new List<LogRecord>();
        var started = Stopwatch.GetTimestamp();
        var bytes = 0L;
        while (records.Count < maxRecords && bytes < MaxReadBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var left = limit - Stopwatch.GetElapsedTime(started);
            // Past what was there at the start only what has been fetched already is taken. The wait is cut into short steps, so that cancelling works.
            var step = records.Count > 0 && _position >= next ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Clamp(left.TotalMilliseconds, 0, 100));
            var result = _consumer.Consume(step);
            if (result?.Message is { } message)
            {
                records.Add(new LogRecord(result.Offset.Value, message.Timestamp.UnixTimestampMs, message.Key, message.Value));
                _position = result.Offset.Value + 1;
                bytes += (message.Key?.Length ?? 0) + (message.Value?.Length ?? 0);
            }
            else if (left <= TimeSpan.Zero || (records.Count > 0 && _position >= next))
            {
                break;
            }
        }
        return records;
    }

    /// <summary>Goes to an offset; returns the partition's end as far as it is known.</summary>
    private long Seek(long offset)
    {
        if (_position == offset && offset < _end) return _end;
        var range = Offsets(_consumer, _source, _options.RequestTimeout);
        if (offset < range.Oldest || offset > range.Next) throw new OffsetOutOfRangeException(Partition, offset, range);
        if (_position != offset) _consumer.Assign(new TopicPartitionOffset(_source, new Offset(offset)));
        _position = offset;
        _end = range.Next;
        return _end;
    }

    public void Dispose()
    {
        _consumer.Close();
        _consumer.Dispose();
    }
}
