using Chat.Cells.Cell.Ports;
using Confluent.Kafka;
using TopicPartition = Chat.Cells.Cell.Ports.TopicPartition;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// The log on Apache Kafka. An append is done when all in-sync replicas have it: replicated durability, since brokers ack before they flush. The append
/// time is the broker's (LogAppendTime).
/// </summary>
public sealed partial class KafkaLog : IMessageLog, IDurabilitySource
{
    private readonly KafkaOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITopicAdmin _admin;
    private readonly KafkaTopics _topics;
    private readonly KafkaAppender _appender;
    private readonly PartitionReaders _readers;
    private readonly KafkaObservers _observers;
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lazy<Task> _watching;

    /// <summary>Connects lazily: the first call finds out whether Kafka is there.</summary>
    /// <param name="options">Where Kafka is.</param>
    /// <param name="time">For back-off.</param>
    /// <param name="logger">Never gets settings or record contents.</param>
    /// <param name="admin">Another way to make topics, where the cluster's own calls aren't to be used.</param>
    /// <param name="generations">Remembers topics that were made again; null where offsets may begin anew then.</param>
    public KafkaLog(KafkaOptions options, TimeProvider time, ILogger<KafkaLog> logger, ITopicAdmin? admin = null, ITopicGenerations? generations = null)
    {
        LibrdkafkaLoader.EnsureLoaded();
        _options = options;
        _time = time;
        _logger = logger;
        _admin = admin ?? new KafkaTopicAdmin(options);
        _appender = new KafkaAppender(options, time, logger);
        _readers = new PartitionReaders(options, time);
        _observers = new KafkaObservers(options, time);
        _topics = new KafkaTopics(options, _admin, new TopicHistories(generations), RenewClients, logger);
        _watching = new Lazy<Task>(() => Task.Run(WatchAsync));
    }

    /// <summary>Replication is the durability: brokers ack before they flush. What the topics have is checked when they are made or found.</summary>
    public Task<EngineDurability> ReadDurabilityAsync(CancellationToken cancellationToken) => Task.FromResult(new EngineDurability(
        "kafka",
        true,
        FormattableString.Invariant($"acks=all, {_options.ReplicationFactor} copies of each partition, {_options.MinInSyncReplicas} in sync at least; brokers ack before they flush")));

    public async ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken)
    {
        await _topics.EnsureAsync(topics, cancellationToken);
        _ = _watching.Value;
    }

    public int PartitionCount(string topic) => _topics.PartitionCount(topic);

    public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        CheckPartition(partition);
        // Handed over before anything is awaited, so that the order of the calls is kept.
        var own = _appender.AppendAsync(partition.Topic, partition.Partition, key, value, cancellationToken);
        return LogicalAsync(own);

        async ValueTask<LogPosition> LogicalAsync(ValueTask<LogPosition> appending)
        {
            var position = await appending;
            return position with { Offset = _topics.History(partition.Topic).Logical(partition.Partition, position.Offset) };
        }
    }

    public ValueTask AppendInOrderAsync(TopicPartition partition, IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        CheckPartition(partition);
        return _appender.AppendInOrderAsync(partition.Topic, partition.Partition, entries, cancellationToken);
    }

    public async Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken)
    {
        var place = new NamedPlace(_admin, _options.Full(group), _options.InstanceId, _time, _logger);
        while (!cancellationToken.IsCancellationRequested)
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _topics.Changed);
            var member = new GroupMember(_options, group, place.Current, topics, _topics, factory, _time, _logger);
            var regaining = RegainAsync();
            try
            {
                await member.RunAsync(end.Token);
            }
            catch (KafkaException e) when (e.Error.Code == ErrorCode.FencedInstanceId)
            {
                place.Lose();
            }
            catch (Exception e) when (e is KafkaException or LogException)
            {
                LogMemberFailed(e, group);
                await Task.Delay(TimeSpan.FromSeconds(1), _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            finally
            {
                await end.CancelAsync();
                await regaining;
            }

            // A member is what it was made as: one with the name is another.
            async Task RegainAsync()
            {
                if (await place.RegainAsync(end.Token)) await end.CancelAsync();
            }
        }
    }

    public async ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken)
    {
        var history = _topics.History(partition.Topic);
        if (history.Own(partition.Partition, fromOffset) is not { } own) throw new OffsetOutOfRangeException(partition, fromOffset, await GetOffsetsAsync(partition, cancellationToken));
        try
        {
            var records = await _readers.ReadAsync(partition, own, maxRecords, wait, cancellationToken);
            return history.Logical(partition.Partition, records);
        }
        catch (OffsetOutOfRangeException e)
        {
            throw new OffsetOutOfRangeException(partition, fromOffset, Logical(history, partition, e.Range));
        }
    }

    public async ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        var history = _topics.History(partition.Topic);
        var source = new Confluent.Kafka.TopicPartition(_options.Full(partition.Topic), partition.Partition);
        try
        {
            var own = await NewTopics.AskAsync(
                () => _observers.AskAsync("reader", observer => PartitionReader.Offsets(observer, source, _options.RequestTimeout), cancellationToken), _time, cancellationToken);
            return Logical(history, partition, own);
        }
        catch (KafkaException e)
        {
            throw new LogUnavailableException($"Kafka did not answer the offsets of {partition.Topic}[{partition.Partition}]: {e.Error.Reason}", e);
        }
    }

    public async ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken)
    {
        var source = partition with { Topic = _options.Full(partition.Topic) };
        var committed = await _observers.AskAsync(group, observer => OffsetCommits.Read(observer, [source], _options.RequestTimeout), cancellationToken);
        return _topics.History(partition.Topic).Committed(partition.Partition, committed[0]);
    }

    private static OffsetRange Logical(TopicHistory history, TopicPartition partition, OffsetRange own) =>
        new(history.Logical(partition.Partition, own.Oldest), history.Logical(partition.Partition, own.Next));

    private void RenewClients()
    {
        _appender.Renew("a topic was made again, or the settings were changed");
        _readers.Reset();
    }

    /// <summary>Clients keep the settings that they were made with: when the secret's were changed, and brokers take them, all are replaced. What was under way is finished first.</summary>
    private async Task TakeSettingsAsync()
    {
        if (_options.Live is not { } live || live.FindChanged() is not { } changed) return;
        if (await Task.Run(() => LiveSettings.Try(_options, changed)) is { } reason)
        {
            LogSettingsRefused(reason);
            return;
        }
        live.Take(changed);
        LogSettingsTaken();
        (_admin as KafkaTopicAdmin)?.Renew();
        _observers.Renew();
        await _topics.BeginAnewAsync();
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(_options.TopicCheckInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_disposing.Token))
            {
                try
                {
                    await TakeSettingsAsync();
                    await _topics.CheckAsync(_disposing.Token);
                }
                catch (Exception e) when (!_disposing.IsCancellationRequested)
                {
                    // Whatever it was: nobody would look any more.
                    LogCheckFailed(e.Message);
                }
            }
        }
        catch (OperationCanceledException) when (_disposing.IsCancellationRequested)
        {
            return;
        }
    }

    private void CheckPartition(TopicPartition partition)
    {
        if ((uint)partition.Partition >= (uint)PartitionCount(partition.Topic)) throw new LogException($"{partition.Topic} has no partition {partition.Partition}.");
    }

    public async ValueTask DisposeAsync()
    {
        await _disposing.CancelAsync();
        if (_watching.IsValueCreated) await _watching.Value;
        await Task.Run(() =>
        {
            _appender.Dispose();
            _readers.Dispose();
            _observers.Dispose();
            _admin.Dispose();
        });
    }

    [LoggerMessage(1, LogLevel.Error, "The consumer of group {Group} failed for good and is replaced")]
    private partial void LogMemberFailed(Exception exception, string group);

    [LoggerMessage(4, LogLevel.Information, "The changed settings of Kafka's clients are used")]
    private partial void LogSettingsTaken();

    [LoggerMessage(5, LogLevel.Warning, "The settings of Kafka's clients were changed, and the brokers don't take them; those of before are kept, and it is tried again. {Reason}")]
    private partial void LogSettingsRefused(string reason);

    [LoggerMessage(2, LogLevel.Warning, "It can't be seen whether topics are still the same: {Reason}")]
    private partial void LogCheckFailed(string reason);
}
