using Chat.Cells.Cell.Ports;
using Confluent.Kafka;
using TopicPartition = Chat.Cells.Cell.Ports.TopicPartition;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// One assigned partition: a bounded buffer that the polling thread fills, and the processor that empties it. When the processor fails, the partition is
/// read again from what was committed, after a back-off. The buffer counts as Kafka does, the processor sees the log's offsets.
/// </summary>
internal sealed partial class PartitionPump : IPartitionAssignment
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(5);

    private readonly string _group;
    private readonly IPumpTopic _topic;
    private readonly IPartitionProcessorFactory _factory;
    private readonly PumpControl _control;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _revoked = new();
    private readonly Lock _lock = new();
    private readonly PumpBuffer _buffer = new();
    private readonly PartitionEnd _end;
    private TopicHistory _history = TopicHistory.First;
    private CommittedOffset? _own;
    private int _most = PumpBuffer.MaxBatch;
    private CancellationTokenSource? _run;
    private bool _outOfRange;
    private bool _abandoned;
    private Task _running = Task.CompletedTask;

    /// <param name="own">What the group had committed, as Kafka counts.</param>
    public PartitionPump(
        string group,
        Confluent.Kafka.TopicPartition source,
        TopicPartition partition,
        CommittedOffset? own,
        IPumpTopic topic,
        IPartitionProcessorFactory factory,
        PumpControl control,
        TimeProvider time,
        ILogger logger)
    {
        _group = group;
        Source = source;
        Partition = partition;
        _own = own;
        _buffer.Restart(own?.NextOffset ?? 0);
        _topic = topic;
        _factory = factory;
        _control = control;
        _end = new PartitionEnd(control, source, time);
        _time = time;
        _logger = logger;
    }

    public Confluent.Kafka.TopicPartition Source { get; }

    public TopicPartition Partition { get; }

    public CommittedOffset? Committed { get; private set; }

    public void Start() => _running = Task.WhenAll(
        Task.Run(RunAsync), _end.WatchAsync(() => new PartitionEnd.Place(_own?.NextOffset, _buffer.Expected, _buffer.IsPaused), _revoked.Token));

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
    public bool Add(LogRecord record) => _buffer.Add(record);

    /// <summary>Kafka doesn't have the offset that was to be read next: the processor is stopped, and it is found out why.</summary>
    public void OutOfRange()
    {
        lock (_lock)
        {
            _outOfRange = true;
            _run?.Cancel();
        }
    }

    public ValueTask CommitAsync(long nextOffset, string metadata, CancellationToken cancellationToken)
    {
        var text = TopicHistory.Metadata(nextOffset, metadata);
        lock (_lock)
        {
            if (_abandoned || (Committed is { } last && nextOffset < last.NextOffset)) return ValueTask.CompletedTask;
            Committed = new CommittedOffset(nextOffset, metadata);
            _own = new CommittedOffset(LogOffset.OwnOf(nextOffset), text);
            // Handed over under the lock, so that an older one never follows a newer.
            _control.Commit(Source, _own.NextOffset, text);
        }
        return ValueTask.CompletedTask;
    }

    private async Task RunAsync()
    {
        using var lag = ConsumerLag.Measure(_group, Partition, () => _end.Behind(_own?.NextOffset));
        var failures = 0;
        while (!_revoked.IsCancellationRequested)
        {
            var before = _own;
            try
            {
                await OpenAsync(goBack: failures > 0);
                using var run = CancellationTokenSource.CreateLinkedTokenSource(_revoked.Token);
                Begin(run);
                await ProcessAsync(run.Token);
                return;
            }
            catch (OperationCanceledException) when (_revoked.IsCancellationRequested)
            {
                return;
            }
            catch (OperationCanceledException) when (IsOutOfRange())
            {
                continue;
            }
            catch (Exception e)
            {
                failures = _own == before ? failures + 1 : 1;
                LogFailed(e, Partition.Topic, Partition.Partition, Committed?.NextOffset ?? 0);
            }
            finally
            {
                lock (_lock) _run = null;
            }
            if (!await BackOffAsync(failures)) return;
        }
    }

    private void Begin(CancellationTokenSource run)
    {
        lock (_lock)
        {
            _run = run;
            if (_outOfRange) run.Cancel();
        }
    }

    private bool IsOutOfRange()
    {
        lock (_lock) return _outOfRange;
    }

    /// <summary>False when the partition was taken away meanwhile.</summary>
    private async Task<bool> BackOffAsync(int failures)
    {
        var wait = Math.Min(FirstBackOff.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 10) - 1), LongestBackOff.TotalMilliseconds);
        await Task.Delay(TimeSpan.FromMilliseconds(wait), _time, _revoked.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !_revoked.IsCancellationRequested;
    }

    /// <summary>Finds the place to begin at, and goes there where the consumer stands elsewhere.</summary>
    private async Task OpenAsync(bool goBack)
    {
        if (IsOutOfRange())
        {
            await FindPlaceAsync();
            return;
        }
        _history = await _topic.HistoryAsync(_revoked.Token);
        Committed = _history.Committed(Partition.Partition, _own);
        // What was committed of a topic that is gone says nothing about the one that has its name.
        var ofAnother = _own is not null && Committed is null;
        if (ofAnother) _own = null;
        if (goBack || ofAnother) await SeekAsync(_own?.NextOffset);
    }

    /// <summary>The offset to be read next isn't there: below what is retained, or past the end because the topic was made again or lost its end.</summary>
    private async Task FindPlaceAsync()
    {
        var before = _history.Id.Length > 0 ? _history : await _topic.HistoryAsync(_revoked.Token);
        await _topic.CheckAsync(_revoked.Token);
        _history = await _topic.HistoryAsync(_revoked.Token);
        // The topic was made again: all consumers begin anew, and this pump is stopped by that.
        if (_history.Id != before.Id) await Task.Delay(Timeout.InfiniteTimeSpan, _time, _revoked.Token);
        var range = await _control.OffsetsAsync(Source, _revoked.Token);
        var ofThisTopic = _own is null || _history.Committed(Partition.Partition, _own) is not null;
        if (!ofThisTopic) _own = null;
        var place = _own?.NextOffset ?? range.Oldest;
        if (ofThisTopic && await FindCutAsync(Math.Max(_buffer.Expected, place), range) is { } cut)
        {
            await _topic.CutAsync(Partition.Partition, cut, SeenGeneration(before, place), _revoked.Token);
            _history = await _topic.HistoryAsync(_revoked.Token);
            if (place > cut) _own = _own! with { NextOffset = place = cut };
            // What was read behind the cut has been taken account of: should the next step fail, this is not another loss.
            _buffer.Restart(place);
        }
        var from = place;
        place = Math.Max(place, range.Oldest);
        await _control.BeginAnewAsync(Source, place, _own?.Metadata ?? TopicHistory.Metadata(_history.Logical(Partition.Partition, place), ""), _revoked.Token);
        // Now that it is committed: they are counted once.
        if (from < place)
        {
            LogSkipped(Partition.Topic, Partition.Partition, from, place);
            SkippedRecords.Add(_group, Partition.Topic, from, place);
        }
        await Task.Delay(Timeout.InfiniteTimeSpan, _time, _revoked.Token);
    }

    /// <summary>Where the partition lost its end; null when it didn't.</summary>
    /// <param name="end">Behind the last record that was read or committed: Kafka didn't have that place.</param>
    /// <param name="range">What it has now.</param>
    private async Task<long?> FindCutAsync(long end, OffsetRange range)
    {
        if (end > range.Next) return range.Next;
        // New records may have grown over the place meanwhile: those were appended after the last one that was read. (As brokers' clocks say; nothing else tells.)
        if (end < range.Oldest || _buffer.LastTime is not { } last) return null;
        return await _control.FirstAfterAsync(Source, last, _revoked.Token) is { } first && first < end ? Math.Max(first, range.Oldest) : null;
    }

    /// <summary>The generation of the last record that was read, or else of what was committed.</summary>
    private int SeenGeneration(TopicHistory history, long place) => _buffer.Expected > place
        ? LogOffset.GenerationOf(history.Logical(Partition.Partition, _buffer.Expected - 1))
        : LogOffset.GenerationOf(history.Committed(Partition.Partition, _own)?.NextOffset ?? 0);

    private async Task ProcessAsync(CancellationToken stop)
    {
        await using var processor = await _factory.StartAsync(this, stop);
        while (true)
        {
            await _buffer.WaitAsync(stop);
            while (true)
            {
                var batch = _buffer.Take(_most, out var resume);
                if (resume) _control.Enqueue(this, consumer => consumer.Resume([Source]));
                if (batch.Count == 0) break;
                stop.ThrowIfCancellationRequested();
                await ProcessAsync(processor, batch, stop);
            }
        }
    }

    /// <summary>What a batch appends may be more than the producer's queue takes, and would be the next time too: then the batches become smaller for a while.</summary>
    private async ValueTask ProcessAsync(IPartitionProcessor processor, IReadOnlyList<LogRecord> batch, CancellationToken stop)
    {
        try
        {
            await processor.ProcessAsync(_history.Logical(Partition.Partition, batch), stop);
            _most = Math.Min(PumpBuffer.MaxBatch, 2 * _most);
        }
        catch (LogFullException)
        {
            _most = Math.Max(1, batch.Count / 2);
            throw;
        }
    }

    /// <summary>Goes to an offset (null: the oldest): on the polling thread, so that nothing older slips into the buffer afterwards.</summary>
    private Task SeekAsync(long? own)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _control.Enqueue(this, consumer =>
        {
            try
            {
                consumer.Seek(new TopicPartitionOffset(Source, own is { } offset ? new Offset(offset) : Offset.Beginning));
                if (_buffer.Restart(own ?? 0)) consumer.Resume([Source]);
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

    [LoggerMessage(2, LogLevel.Error, "{Topic}[{Partition}] was not read for so long that the records from {From} to {Oldest} are gone")]
    private partial void LogSkipped(string topic, int partition, long from, long oldest);
}
