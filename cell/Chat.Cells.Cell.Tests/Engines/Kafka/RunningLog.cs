using System.Collections.Concurrent;
using System.Text;
using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Chat.Cells.KafkaMock;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>What was logged.</summary>
internal sealed class Lines : ILogger<KafkaLog>
{
    public ConcurrentQueue<string> Written { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Written.Enqueue(formatter(state, exception));
}

/// <summary>A log on a mock cluster of its own, with one topic of one partition.</summary>
internal sealed class RunningLog(MockKafkaCluster cluster, KafkaLog log, Lines lines) : IAsyncDisposable
{
    public const string Prefix = "test.";
    public const string Topic = "faults";
    public static readonly TopicPartition Partition = new(Topic, 0);

    public IEnumerable<string> Logged => lines.Written;

    public MockKafkaCluster Cluster => cluster;

    public KafkaLog Log => log;

    public static async Task<RunningLog> StartAsync(TimeSpan? patience = null, ITopicGenerations? generations = null, LiveSettings? live = null, bool externalTopics = false)
    {
        var cluster = new MockKafkaCluster();
        if (externalTopics) cluster.CreateTopic(Prefix + Topic, 1);
        var options = new KafkaOptions
        {
            BootstrapServers = cluster.BootstrapServers,
            Prefix = Prefix,
            ReplicationFactor = 3,
            MinInSyncReplicas = 1,
            AppendTimeout = patience ?? TimeSpan.FromSeconds(40),
            SessionTimeout = TimeSpan.FromSeconds(6),
            TopicCheckInterval = TimeSpan.FromMilliseconds(500),
            RequestTimeout = live is null ? TimeSpan.FromSeconds(10) : TimeSpan.FromSeconds(3),
            Live = live,
            ExternalTopics = externalTopics,
            JoinPatience = TimeSpan.FromSeconds(6),
        };
        var lines = new Lines();
        var log = new KafkaLog(options, TimeProvider.System, lines, new MockTopicAdmin(cluster), generations);
        await log.EnsureTopicsAsync([new TopicSpec(Topic, 1, TimeSpan.FromDays(1))], default);
        return new RunningLog(cluster, log, lines);
    }

    public Task AppendAsync(string value) => log.AppendAsync(Partition, "key"u8.ToArray(), Encoding.UTF8.GetBytes(value), default).AsTask();

    public Task AppendInOrderAsync(IReadOnlyList<string> values) =>
        log.AppendInOrderAsync(Partition, [.. values.Select(v => new LogEntry("key"u8.ToArray(), Encoding.UTF8.GetBytes(v)))], default).AsTask();

    public async Task<bool> TryAppendAsync(string value)
    {
        try
        {
            await AppendAsync(value);
            return true;
        }
        catch (LogException)
        {
            return false;
        }
    }

    public async Task<List<string>> ReadAllAsync()
    {
        var values = new List<string>();
        var oldest = (await log.GetOffsetsAsync(Partition, default)).Oldest;
        while (true)
        {
            var records = await log.ReadAsync(Partition, oldest + values.Count, 1_000, TimeSpan.Zero, default);
            if (records.Count == 0) return values;
            values.AddRange(records.Select(r => Encoding.UTF8.GetString(r.Value.Span)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await log.DisposeAsync();
        cluster.Dispose();
    }
}
