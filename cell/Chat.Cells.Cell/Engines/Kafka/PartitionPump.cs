using Chat.Cells.Cell.Ports;
using Confluent.Kafka;
using TopicPartition = Chat.Cells.Cell.Ports.TopicPartition;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// One assigned partition: a bounded buffer that the polling thread fills, and the processor that empties it. When the processor fails, the partition is
/// read again from what was committed, after a back-off.
/// </summary>
internal sealed partial class PartitionPump : IPartitionAssignment
{
    private const int MaxBatch = 512;
    private const int HighWater = 2_048;
    private const int LowWater = 512;
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(5);

    private readonly IPartitionProcessorFactory _factory;
    private readonly PumpControl _control;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _revoked = new();
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _available = new(0);
    private List<LogRecord> _buffer = [];
    private long _expected;
    private bool _paused;
    private bool _abandoned;
    private Task _running = Task.CompletedTask;

    public PartitionPump(
        Confluent.Kafka.TopicPartition source,
        TopicPartition partition,
        CommittedOffset? committed,
        IPartitionProcessorFactory factory,
        PumpControl control,
        TimeProvider time,
        ILogger logger)
    {
        Source = source;
        Partition = partition;
        Committed = committed;
        _expected = committed?.NextOffset ?? 0;
        _factory = factory;
        _control = control;
        _time = time;
        _logger = logger;
    }

    public Confluent.Kafka.TopicPartition Source { get; }

    public TopicPartition Partition { get; }

    public CommittedOffset? Committed { get; private set; }

    public void Start() => _running = Task.Run(RunAsync);

    /// <summary>Stops the processor; completes when it is disposed. What it commits until then still counts.</summary>
    public async Task StopAsync()
    {
        await _revoked.CancelAsync();
        await _running;
    }

    /// <summary>The processor did not stop in time, and another may have the partition by now: what it still commits is ignored.</summary>
    public void Abandon()
    {
        lock (_lock) _abandoned = true;
    }

    /// <summary>Takes a record from the polling thread. True when the buffer is full and the partition must be paused.</summary>
    public bool Add(LogRecord record)
    {
        lock (_lock)
        {
            // Left over from before a seek back.
            if (record.Offset < _expected) return false;
            _expected = record.Offset + 1;
            _buffer.Add(record);
            if (_buffer.Count == 1) _available.Release();
            if (_paused || _buffer.Count < HighWater) return false;
            // Said here, not when the consumer is told: the processor might have emptied the buffer by then, and nobody would resume.
            _paused = true;
            return true;
        }
    }

    public ValueTask CommitAsync(long nextOffset, string metadata, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_abandoned || (Committed is { } last && nextOffset < last.NextOffset)) return ValueTask.CompletedTask;
            Committed = new CommittedOffset(nextOffset, metadata);
        }
        _control.Commit(Source, nextOffset, metadata);
        return ValueTask.CompletedTask;
    }

    private async Task RunAsync()
    {
        var failures = 0;
        while (!_revoked.IsCancellationRequested)
        {
            var before = Committed;
            try
            {
                await ProcessAsync();
                return;
            }
            catch (OperationCanceledException) when (_revoked.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                failures = Committed == before ? failures + 1 : 1;
                LogFailed(e, Partition.Topic, Partition.Partition, Committed?.NextOffset ?? 0);
            }
            if (!await GoBackAsync(failures)) return;
        }
    }

    /// <summary>Waits, and goes back to the commit, as often as it takes. False when the partition was taken away.</summary>
    private async Task<bool> GoBackAsync(int failures)
    {
        for (; ; failures++)
        {
            try
            {
                var wait = Math.Min(FirstBackOff.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 10) - 1), LongestBackOff.TotalMilliseconds);
                await Task.Delay(TimeSpan.FromMilliseconds(wait), _time, _revoked.Token);
                await RewindAsync();
                return true;
            }
            catch (OperationCanceledException) when (_revoked.IsCancellationRequested)
            {
                return false;
            }
            catch (KafkaException e)
            {
                LogNoSeek(e, Partition.Topic, Partition.Partition);
            }
        }
    }

    private async Task ProcessAsync()
    {
        await using var processor = await _factory.StartAsync(this, _revoked.Token);
        while (true)
        {
            await _available.WaitAsync(_revoked.Token);
            while (Next() is { Count: > 0 } batch)
            {
                _revoked.Token.ThrowIfCancellationRequested();
                await processor.ProcessAsync(batch, _revoked.Token);
            }
        }
    }

    private IReadOnlyList<LogRecord> Next()
    {
        lock (_lock)
        {
            IReadOnlyList<LogRecord> batch;
            if (_buffer.Count <= MaxBatch)
            {
                batch = _buffer;
                _buffer = [];
            }
            else
            {
                batch = _buffer[..MaxBatch];
                _buffer.RemoveRange(0, MaxBatch);
            }
            if (_paused && _buffer.Count <= LowWater)
            {
                _paused = false;
                _control.Enqueue(this, consumer => consumer.Resume([Source]));
            }
            return batch;
        }
    }

    /// <summary>Goes back to what is committed: on the polling thread, so that nothing older slips into the buffer afterwards.</summary>
    private Task RewindAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _control.Enqueue(this, consumer =>
        {
            try
            {
                var offset = Committed is { } committed ? new Offset(committed.NextOffset) : Offset.Beginning;
                consumer.Seek(new TopicPartitionOffset(Source, offset));
                lock (_lock)
                {
                    _buffer = [];
                    _expected = Committed?.NextOffset ?? 0;
                    if (_paused)
                    {
                        _paused = false;
                        consumer.Resume([Source]);
                    }
                }
                done.SetResult();
            }
            catch (KafkaException e)
            {
                done.SetException(e);
            }
        });
        return done.Task.WaitAsync(_revoked.Token);
    }

    [LoggerMessage(1, LogLevel.Error, "The processor of {Topic}[{Partition}] failed; it starts again at offset {Offset}")]
    private partial void LogFailed(Exception exception, string topic, int partition, long offset);

    [LoggerMessage(2, LogLevel.Warning, "{Topic}[{Partition}] can't go back to its commit yet")]
    private partial void LogNoSeek(Exception exception, string topic, int partition);
}
