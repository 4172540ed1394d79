using System.Collections.Concurrent;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka;
using TopicPartition = Chat.Cells.Cell.Ports.TopicPartition;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// One member of a consumer group. A thread of its own polls Kafka and is the only one that touches the consumer's position; each assigned partition has a
/// <see cref="PartitionPump"/> that runs its processor. A full pump pauses its partition, so that no slow one holds up the others.
/// </summary>
internal sealed partial class GroupMember
{
    private static readonly TimeSpan PollTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AnewDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RevokeTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LeaveTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Heartbeats per session: a rebalance reaches the other members with their next heartbeat, so that their interval is part of every hand-over.</summary>
    private const int Heartbeats = 6;

    /// <summary>However long the session is.</summary>
    private static readonly TimeSpan LongestHeartbeatInterval = TimeSpan.FromSeconds(3);

    /// <summary>librdkafka's own default, which else follows the interval of refreshes: what is known of topics outlives an outage.</summary>
    private const int MetadataMaxAgeMs = 900_000;

    private readonly KafkaOptions _options;
    private readonly string _group;
    private readonly string? _instanceId;
    private readonly IReadOnlyList<string> _names;
    private readonly KafkaTopics _topics;
    private readonly IPartitionProcessorFactory _factory;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _anew = new();
    private readonly ConcurrentQueue<PumpCommand> _commands = new();
    private readonly Dictionary<Confluent.Kafka.TopicPartition, PartitionPump> _pumps = [];
    private CommitQueue? _commits;
    private long _looked;
    private long _outsideSince;

    /// <param name="options">How to reach Kafka.</param>
    /// <param name="group">Without the prefix.</param>
    /// <param name="instanceId">Names a member that comes back after a restart; null for one that is another each time.</param>
    /// <param name="names">The topics, without the prefix.</param>
    /// <param name="topics">What is known about them.</param>
    /// <param name="factory">Makes a processor for each partition held.</param>
    /// <param name="time">For back-off.</param>
    /// <param name="logger">Never gets record contents.</param>
    public GroupMember(
        KafkaOptions options, string group, string? instanceId, IReadOnlyList<string> names, KafkaTopics topics, IPartitionProcessorFactory factory, TimeProvider time, ILogger logger)
    {
        _options = options;
        _group = group;
        _instanceId = instanceId;
        _names = names;
        _topics = topics;
        _factory = factory;
        _time = time;
        _logger = logger;
    }

    /// <summary>Runs until cancelled, or until it has to begin anew: then it is run again. Fails only when the consumer itself failed for good.</summary>
    public Task RunAsync(CancellationToken cancellationToken) =>
        Task.Factory.StartNew(() => Poll(cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Poll(CancellationToken cancellationToken)
    {
        using var consumer = Build();
        _commits = new CommitQueue(places => OffsetCommits.Commit(consumer, places), _time);
        consumer.Subscribe(_names.Select(_options.Full));
        _outsideSince = _time.GetTimestamp();
        try
        {
            while (!cancellationToken.IsCancellationRequested && !_anew.IsCancellationRequested && !IsLeftOutside(consumer))
            {
                while (_commands.TryDequeue(out var command))
                {
                    // A pump whose partition was taken away meanwhile has nothing to say about it any more.
                    if (_pumps.TryGetValue(command.Pump.Source, out var current) && ReferenceEquals(current, command.Pump)) command.Run(consumer);
                }
                Take(consumer);
                CommitAgain();
            }
        }
        finally
        {
            _anew.Cancel();
            // Their last commits must come before the group is left.
            Stop([.. _pumps.Keys]);
            Leave(consumer);
            consumer.Close();
        }
    }

    /// <summary>
    /// True when the group has not taken it in for so long that a new client is worth a try: one may be stuck on the way there (in looking for the coordinator, in the connection to
    /// it, in what it knows of the topics), while others of the same process get in at once.
    /// </summary>
    private bool IsLeftOutside(IConsumer<byte[], byte[]> consumer)
    {
        if (_time.GetElapsedTime(_outsideSince) < _options.JoinPatience) return false;
        if (_pumps.Count > 0 || consumer.MemberId is { Length: > 0 })
        {
            _outsideSince = _time.GetTimestamp();
            return false;
        }
        LogLeftOutside(_group, _options.JoinPatience);
        return true;
    }

    /// <summary>
    /// Others get the partitions at once. Closing alone would keep a named member's place for its next start until the session ends; a subscription that is given up is left for
    /// good, which shows in the member id.
    /// </summary>
    private void Leave(IConsumer<byte[], byte[]> consumer)
    {
        if (_instanceId is null) return;
        var started = _time.GetTimestamp();
        try
        {
            consumer.Unsubscribe();
            // What still comes is read again by whoever has the partition next: nothing of it is committed.
            while (consumer.MemberId is { Length: > 0 } && _time.GetElapsedTime(started) < LeaveTimeout) consumer.Consume(PollTimeout);
        }
        catch (KafkaException e)
        {
            LogPollFailed(_group, e.Error.Reason);
        }
    }

    /// <summary>A moment later, so that other partitions with the same trouble are done with it too.</summary>
    private void BeginAnew() => _anew.CancelAfter(AnewDelay);

    private void Take(IConsumer<byte[], byte[]> consumer)
    {
        ConsumeResult<byte[], byte[]>? result;
        try
        {
            result = consumer.Consume(PollTimeout);
        }
        catch (ConsumeException e) when (e.Error.Code is ErrorCode.Local_AutoOffsetReset or ErrorCode.OffsetOutOfRange)
        {
            LogPollFailed(_group, e.Error.Reason);
            if (e.ConsumerRecord?.TopicPartition is { } lost && _pumps.TryGetValue(lost, out var astray)) astray.OutOfRange();
            return;
        }
        catch (ConsumeException e) when (!e.Error.IsFatal)
        {
            LogPollFailed(_group, e.Error.Reason);
            return;
        }
        if (result?.Message is null || !_pumps.TryGetValue(result.TopicPartition, out var pump)) return;
        var full = pump.Add(new LogRecord(result.Offset.Value, result.Message.Timestamp.UnixTimestampMs, result.Message.Key, result.Message.Value));
        // Its wish to resume is a command, which this thread runs after this.
        if (full) consumer.Pause([pump.Source]);
    }

    private IConsumer<byte[], byte[]> Build()
    {
        var config = new ConsumerConfig(_options.Client("chat-cells-" + _group))
        {
            GroupId = _options.Full(_group),
            GroupInstanceId = _instanceId,
            EnableAutoCommit = false,
            EnableAutoOffsetStore = false,
            // Nothing is skipped without a word: see PartitionPump.OutOfRange.
            AutoOffsetReset = AutoOffsetReset.Error,
            PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky,
            SessionTimeoutMs = (int)_options.SessionTimeout.TotalMilliseconds,
            // A broker may not have heard yet of a topic that was made a moment ago. The client remembers that answer until it asks again, by itself every 5 minutes: till then a member is in the
            // group without that topic, or not at all.
            TopicMetadataRefreshIntervalMs = (int)_options.TopicCheckInterval.TotalMilliseconds,
            MetadataMaxAgeMs = MetadataMaxAgeMs,
            HeartbeatIntervalMs = (int)Math.Min(_options.SessionTimeout.TotalMilliseconds / Heartbeats, LongestHeartbeatInterval.TotalMilliseconds),
            FetchMinBytes = 1,
            FetchErrorBackoffMs = 100,
            MaxPartitionFetchBytes = Math.Max(1_048_576, _options.MaxRecordBytes),
            QueuedMaxMessagesKbytes = 65_536,
            ConsumeResultFields = "timestamp,topic",
        };
        if (!_options.Settings.ContainsKey("fetch.wait.max.ms")) config.FetchWaitMaxMs = 100;
        return new ConsumerBuilder<byte[], byte[]>(config)
            .SetPartitionsAssignedHandler((consumer, partitions) => Assign(consumer, partitions))
            .SetPartitionsRevokedHandler((_, partitions) => Stop([.. partitions.Select(p => p.TopicPartition)]))
            .SetPartitionsLostHandler((_, partitions) => Lose([.. partitions.Select(p => p.TopicPartition)]))
            .SetOffsetsCommittedHandler((_, committed) => Confirm(committed))
            .SetErrorHandler((_, error) => LogPollFailed(_group, error.Reason))
            .SetLogHandler((_, _) => { })
            .Build();
    }

    private void CommitAgain()
    {
        if (_time.GetElapsedTime(_looked) < LookInterval) return;
        _looked = _time.GetTimestamp();
        _commits?.Tick();
    }

    private void Confirm(CommittedOffsets committed) =>
        _commits?.Answered(committed.Error.IsError ? [] : committed.Offsets.Where(place => !place.Error.IsError).Select(place => (place.TopicPartition, place.Offset.Value)));

    private IEnumerable<TopicPartitionOffset> Assign(IConsumer<byte[], byte[]> consumer, List<Confluent.Kafka.TopicPartition> partitions)
    {
        var committed = OffsetCommits.Read(consumer, [.. partitions.Select(p => new TopicPartition(p.Topic, p.Partition.Value))], _options.RequestTimeout);
        var offsets = new List<TopicPartitionOffset>(partitions.Count);
        _commits!.Gain();
        for (var i = 0; i < partitions.Count; i++)
        {
            var source = partitions[i];
            var partition = new TopicPartition(source.Topic[_options.Prefix.Length..], source.Partition.Value);
            var pump = new PartitionPump(_group, source, partition, committed[i], new PumpTopic(_topics, partition.Topic), _factory, new PumpControl(consumer, _commands, _commits, _options.RequestTimeout, BeginAnew), _time, _logger);
            _pumps[source] = pump;
            pump.Start();
            offsets.Add(new TopicPartitionOffset(source, committed[i] is { } c ? new Offset(c.NextOffset) : Offset.Beginning));
        }
        LogAssigned(_group, partitions.Count, _pumps.Count);
        return offsets;
    }

    /// <summary>The session is over: whatever was held is another's by now, or will be.</summary>
    private void Lose(IReadOnlyList<Confluent.Kafka.TopicPartition> partitions)
    {
        _commits!.Lose();
        Stop(partitions);
    }

    private void Stop(IReadOnlyList<Confluent.Kafka.TopicPartition> partitions)
    {
        var stopped = new List<PartitionPump>();
        var stopping = new List<Task>();
        foreach (var partition in partitions)
        {
            if (!_pumps.Remove(partition, out var pump)) continue;
            stopped.Add(pump);
            stopping.Add(pump.StopAsync());
        }
        // The rebalance goes on when this returns, and another member may then process the partitions: our processors must have stopped.
        if (stopping.Count == 0) return;
        if (!Task.WaitAll([.. stopping], RevokeTimeout))
        {
            LogSlowStop(_group, RevokeTimeout);
            foreach (var pump in stopped) pump.Abandon();
        }
        _commits!.Release([.. stopped.Select(pump => pump.Source)]);
    }

    [LoggerMessage(1, LogLevel.Information, "Group {Group}: {Added} partitions assigned, {Held} held")]
    private partial void LogAssigned(string group, int added, int held);

    [LoggerMessage(2, LogLevel.Warning, "Group {Group}: {Reason}")]
    private partial void LogPollFailed(string group, string reason);

    [LoggerMessage(4, LogLevel.Warning, "Group {Group}: Kafka has not let this server into the group for {Patience}; it tries again with a new client")]
    private partial void LogLeftOutside(string group, TimeSpan patience);

    [LoggerMessage(3, LogLevel.Error, "Group {Group}: a processor did not stop within {Timeout}; its late effects are repeats, which the high-water marks drop")]
    private partial void LogSlowStop(string group, TimeSpan timeout);
}
