using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>One producer, from its making to its end. Knows which appends it still owes an answer: librdkafka gives none for what is open when it is destroyed.</summary>
internal sealed class ProducerGeneration
{
    private readonly KafkaOptions _options;
    private readonly Action<ProducerGeneration, string> _onFatal;
    private readonly IProducer<byte[], byte[]> _producer;
    private readonly ConcurrentDictionary<TaskCompletionSource<LogPosition>, byte> _open = new();
    private readonly ReaderWriterLockSlim _use = new();
    private bool _ended;

    public ProducerGeneration(KafkaOptions options, Action<ProducerGeneration, string> onFatal, Action<string> onError)
    {
        _options = options;
        _onFatal = onFatal;
        var config = new ProducerConfig(options.Client("chat-cells-producer"))
        {
            EnableIdempotence = true,
            EnableGaplessGuarantee = true,
            Acks = Acks.All,
            CompressionType = CompressionType.Lz4,
            LingerMs = 1,
            BatchSize = 1_000_000,
            MessageMaxBytes = options.MaxRecordBytes,
            MessageTimeoutMs = 0,
            QueueBufferingMaxKbytes = 262_144,
            DeliveryReportFields = "status,timestamp",
        };
        // The one figure of the producer's that a cell's own settings may change: how much waits here while brokers are away.
        if (!options.Settings.ContainsKey("queue.buffering.max.messages")) config.QueueBufferingMaxMessages = 200_000;
        _producer = new ProducerBuilder<byte[], byte[]>(config)
            .SetErrorHandler((_, error) =>
            {
                if (error.IsFatal) onFatal(this, error.Reason);
                else onError(error.Reason);
            })
            .SetLogHandler((_, _) => { })
            .Build();
    }

    /// <summary>Hands a record over; the task completes when it is acked or refused.</summary>
    /// <exception cref="LogException">Not taken.</exception>
    public Task<LogPosition> Produce(Confluent.Kafka.TopicPartition target, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value)
    {
        var done = new TaskCompletionSource<LogPosition>(TaskCreationOptions.RunContinuationsAsynchronously);
        _use.EnterReadLock();
        try
        {
            if (_ended) throw new LogFullException("The producer to Kafka is being replaced: try again in a moment.");
            _open[done] = 0;
            _producer.Produce(target, new Message<byte[], byte[]> { Key = Exact(key), Value = Exact(value) }, report => Complete(done, report));
        }
        catch (ProduceException<byte[], byte[]> e)
        {
            _open.TryRemove(done, out _);
            if (e.Error.IsFatal) _onFatal(this, e.Error.Reason);
            throw e.Error.Code switch
            {
                ErrorCode.Local_QueueFull => new LogFullException("The producer's queue to Kafka is full: slow down and try again.", e),
                ErrorCode.MsgSizeTooLarge => new LogException($"The record is over the limit of {_options.MaxRecordBytes} bytes.", e),
                _ => new LogUnavailableException($"Kafka did not take the record: {e.Error.Reason}", e),
            };
        }
        finally
        {
            _use.ExitReadLock();
        }
        return done.Task;
    }

    /// <summary>Waits for what is under way, ends the producer, and calls the rest unknown. Blocks; never called from librdkafka's threads.</summary>
    public void End(TimeSpan patience)
    {
        _use.EnterWriteLock();
        _ended = true;
        _use.ExitWriteLock();
        try
        {
            _producer.Flush(patience);
        }
        finally
        {
            _producer.Dispose();
            foreach (var done in _open.Keys) done.TrySetException(new LogUnavailableException("The producer ended before Kafka acked the record: it is not known whether it was appended."));
            _open.Clear();
        }
    }

    private void Complete(TaskCompletionSource<LogPosition> done, DeliveryReport<byte[], byte[]> report)
    {
        _open.TryRemove(done, out _);
        if (!report.Error.IsError)
        {
            done.TrySetResult(new LogPosition(report.Offset.Value, report.Timestamp.UnixTimestampMs));
            return;
        }
        done.TrySetException(new LogUnavailableException($"It is not known whether Kafka has the record: {report.Error.Reason}"));
        if (report.Error.IsFatal) _onFatal(this, report.Error.Reason);
    }

    private static byte[] Exact(ReadOnlyMemory<byte> memory) =>
        MemoryMarshal.TryGetArray(memory, out var segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length ? segment.Array : memory.ToArray();
}
