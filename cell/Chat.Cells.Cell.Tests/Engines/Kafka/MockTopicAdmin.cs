using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Chat.Cells.KafkaMock;
using Confluent.Kafka.Admin;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>Stands for the administrative calls, which the mock cluster lacks; what it only looks at, it looks at for real.</summary>
internal sealed class MockTopicAdmin(MockKafkaCluster cluster) : ITopicAdmin
{
    private readonly KafkaTopicAdmin real = new(new KafkaOptions { BootstrapServers = cluster.BootstrapServers });
    private readonly Dictionary<string, IReadOnlyDictionary<string, string>> settings = [];
    private volatile int looks;

    public Task<IReadOnlyDictionary<string, FoundTopic>> FindAsync(IReadOnlyList<string> topics, CancellationToken cancellationToken) => real.FindAsync(topics, cancellationToken);

    public Task<int> CountBrokersAsync(CancellationToken cancellationToken) => real.CountBrokersAsync(cancellationToken);

    public Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>> FindSettingsAsync(IReadOnlyList<string> topics, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>>(topics.Where(settings.ContainsKey).ToDictionary(t => t, t => settings[t]));

    public Task CreateAsync(IReadOnlyList<TopicSpecification> topics, CancellationToken cancellationToken)
    {
        foreach (var topic in topics)
        {
            cluster.CreateTopic(topic.Name, topic.NumPartitions);
            settings[topic.Name] = topic.Configs;
        }
        return Task.CompletedTask;
    }

    public Task ConfigureAsync(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> changes, CancellationToken cancellationToken)
    {
        foreach (var (topic, change) in changes) settings[topic] = new Dictionary<string, string>(settings[topic].Concat(change).GroupBy(s => s.Key).ToDictionary(g => g.Key, g => g.Last().Value));
        return Task.CompletedTask;
    }

    /// <summary>Who is said to have a name in every group: the mock knows none.</summary>
    public IReadOnlyList<string> Named { get; set; } = [];

    /// <summary>Why it isn't said.</summary>
    public string? Refusal { get; set; }

    /// <summary>How often it was asked for.</summary>
    public int Looks => looks;

    public Task<IReadOnlySet<string>> FindNamedMembersAsync(string group, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref looks);
        return Refusal is { } reason ? Task.FromException<IReadOnlySet<string>>(new LogException(reason)) : Task.FromResult<IReadOnlySet<string>>(Named.ToHashSet());
    }

    public void Dispose() => real.Dispose();
}
