using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// The idempotent producer: acks from all in-sync replicas, order kept per partition. After a fatal error (librdkafka can't go on without risking order or
/// repeats) it is replaced: appends are refused until the old one is gone, so that nothing of it can land behind what comes later.
/// </summary>
/// <remarks>
/// librdkafka never gives up a record by itself (<c>message.timeout.ms</c> 0), and a batch that the brokers refuse stops the producer
/// (<c>enable.gapless.guarantee</c>): of the records handed over for one partition, none is appended without those before it. How long a caller waits is counted here; a record
/// whose caller has given up may still be appended, in its place.
/// </remarks>
internal sealed partial class KafkaAppender(KafkaOptions options, TimeProvider time, ILogger logger) : IDisposable
{
    private readonly Lock _lock = new();
    private ProducerGeneration? _current;
    private Task _retiring = Task.CompletedTask;
    private bool _disposed;

    public async ValueTask<LogPosition> AppendAsync(string topic, int partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        // No await before this: calls made one after the other are handed over in that order.
        var done = Current().Produce(new Confluent.Kafka.TopicPartition(options.Full(topic), partition), key, value);
        return await OutcomeAsync(done, cancellationToken);
    }

    /// <summary>Hands all records to one producer, in their order; the first that isn't taken ends it.</summary>
    public async ValueTask AppendInOrderAsync(string topic, int partition, IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0) return;
        var target = new Confluent.Kafka.TopicPartition(options.Full(topic), partition);
        var producer = Current();
        var done = new Task<LogPosition>[entries.Count];
        // When one isn't taken this throws, and none of those behind it is handed over.
        for (var i = 0; i < done.Length; i++) done[i] = producer.Produce(target, entries[i].Key, entries[i].Value);
        await OutcomeAsync(Task.WhenAll(done), cancellationToken);
    }

    private async Task<T> OutcomeAsync<T>(Task<T> done, CancellationToken cancellationToken)
    {
        try
        {
            return await done.WaitAsync(options.AppendTimeout, time, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new LogUnavailableException($"Kafka has not acked the record within {options.AppendTimeout.TotalSeconds} s: it is not known whether it will be appended.", e);
        }
    }

    private ProducerGeneration Current()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_retiring.IsCompleted) throw new LogFullException("The producer to Kafka failed and is being replaced: try again in a moment.");
            return _current ??= new ProducerGeneration(options, Replace, LogError);
        }
    }

    /// <summary>Ends the producer as after a failure: what it still does belongs to a topic that is gone.</summary>
    public void Renew(string reason)
    {
        ProducerGeneration? current;
        lock (_lock) current = _current;
        if (current is not null) Replace(current, reason);
    }

    private void Replace(ProducerGeneration failed, string reason)
    {
        lock (_lock)
        {
            if (!ReferenceEquals(_current, failed)) return;
            _current = null;
            // Not on librdkafka's own thread, which calls the reports that the end waits for.
            _retiring = Task.Run(() => failed.End(options.AppendTimeout));
        }
        LogReplaced(reason);
    }

    public void Dispose()
    {
        ProducerGeneration? last;
        Task retiring;
        lock (_lock)
        {
            _disposed = true;
            last = _current;
            _current = null;
            retiring = _retiring;
        }
        last?.End(options.AppendTimeout);
        Task.WaitAll(retiring);
    }

    [LoggerMessage(1, LogLevel.Error, "The Kafka producer is replaced: {Reason}")]
    private partial void LogReplaced(string reason);

    [LoggerMessage(2, LogLevel.Warning, "Kafka producer: {Reason}")]
    private partial void LogError(string reason);
}
