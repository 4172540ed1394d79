using System.Collections.Concurrent;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka;
using TopicPartition = Chat.Cells.Cell.Ports.TopicPartition;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// The log on Apache Kafka. An append is done when all in-sync replicas have it: replicated durability, since brokers ack before they flush. The append
/// time is the broker's (LogAppendTime).
/// </summary>
public sealed partial class KafkaLog : IMessageLog
{
    private readonly KafkaOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITopicAdmin _admin;
    private readonly KafkaTopics _topics;
    private readonly KafkaAppender _appender;
    private readonly PartitionReaders _readers;
    private readonly ConcurrentDictionary<string, Lazy<IConsumer<byte[], byte[]>>> _observers = new(StringComparer.Ordinal);

    /// <summary>Connects lazily: the first call finds out whether Kafka is there.</summary>
    /// <param name="options">Where Kafka is.</param>
    /// <param name="time">For back-off.</param>
    /// <param name="logger">Never gets settings or record contents.</param>
    /// <param name="admin">Another way to make topics, where the cluster's own calls aren't to be used.</param>
    public KafkaLog(KafkaOptions options, TimeProvider time, ILogger<KafkaLog> logger, ITopicAdmin? admin = null)
    {
        LibrdkafkaLoader.EnsureLoaded();
        _options = options;
        _time = time;
        _logger = logger;
        _admin = admin ?? new KafkaTopicAdmin(options);
        _topics = new KafkaTopics(options, _admin, logger);
        _appender = new KafkaAppender(options, time, logger);
        _readers = new PartitionReaders(options);
    }

    public ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken) => _topics.EnsureAsync(topics, cancellationToken);

    public int PartitionCount(string topic) => _topics.PartitionCount(topic);

    public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        CheckPartition(partition);
        return _appender.AppendAsync(partition.Topic, partition.Partition, key, value, cancellationToken);
    }

    public ValueTask AppendInOrderAsync(TopicPartition partition, IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        CheckPartition(partition);
        return _appender.AppendInOrderAsync(partition.Topic, partition.Partition, entries, cancellationToken);
    }

    public async Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await new GroupMember(_options, group, topics, factory, _time, _logger).RunAsync(cancellationToken);
            }
            catch (Exception e) when (e is KafkaException or LogException)
            {
                LogMemberFailed(e, group);
                await Task.Delay(TimeSpan.FromSeconds(1), _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    public async ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken) =>
        await _readers.ReadAsync(partition, fromOffset, maxRecords, wait, cancellationToken);

    public async ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        var observer = Observer("reader");
        try
        {
            return await Task.Run(() => PartitionReader.Offsets(observer, new Confluent.Kafka.TopicPartition(_options.Full(partition.Topic), partition.Partition), _options.RequestTimeout), cancellationToken);
        }
        catch (KafkaException e)
        {
            throw new LogUnavailableException($"Kafka did not answer the offsets of {partition.Topic}[{partition.Partition}]: {e.Error.Reason}", e);
        }
    }

    public async ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken)
    {
        var observer = Observer(group);
        var committed = await Task.Run(
            () => OffsetCommits.Read(observer, [partition with { Topic = _options.Full(partition.Topic) }], _options.RequestTimeout), cancellationToken);
        return committed[0];
    }

    private void CheckPartition(TopicPartition partition)
    {
        if ((uint)partition.Partition >= (uint)PartitionCount(partition.Topic)) throw new LogException($"{partition.Topic} has no partition {partition.Partition}.");
    }

    /// <summary>Belongs to the group by name only: it never subscribes, so that it takes no partitions.</summary>
    private IConsumer<byte[], byte[]> Observer(string group) => _observers.GetOrAdd(group, name => new Lazy<IConsumer<byte[], byte[]>>(() => NewObserver(name))).Value;

    private IConsumer<byte[], byte[]> NewObserver(string group) =>
        new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig(_options.Client("chat-cells-observer")) { GroupId = _options.Full(group), EnableAutoCommit = false })
            .SetLogHandler((_, _) => { })
            .Build();

    public async ValueTask DisposeAsync()
    {
        await Task.Run(() =>
        {
            _appender.Dispose();
            _readers.Dispose();
            foreach (var observer in _observers.Values) observer.Value.Dispose();
            _admin.Dispose();
        });
    }

    [LoggerMessage(1, LogLevel.Error, "The consumer of group {Group} failed for good and is replaced")]
    private partial void LogMemberFailed(Exception exception, string group);
}
