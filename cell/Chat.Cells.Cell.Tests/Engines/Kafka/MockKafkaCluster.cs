using System.Runtime.InteropServices;
using Chat.Cells.Cell.Engines.Kafka;
using Confluent.Kafka.Admin;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>librdkafka's own mock cluster: speaks the Kafka protocol over TCP, in memory, without the administrative calls.</summary>
internal sealed unsafe partial class MockKafkaCluster : IDisposable
{
    private const string Library = "librdkafka";
    private const int Producer = 0;

    private readonly nint _client;
    private readonly nint _cluster;

    public MockKafkaCluster(int brokers = 3)
    {
        LibrdkafkaLoader.EnsureLoaded();
        NativeResolver.EnsureSet();
        var error = stackalloc byte[512];
        _client = rd_kafka_new(Producer, rd_kafka_conf_new(), error, 512);
        if (_client == 0) throw new InvalidOperationException($"No mock cluster: {Marshal.PtrToStringUTF8((nint)error)}");
        _cluster = rd_kafka_mock_cluster_new(_client, brokers);
        BootstrapServers = Marshal.PtrToStringUTF8(rd_kafka_mock_cluster_bootstraps(_cluster))!;
        Brokers = brokers;
    }

    public string BootstrapServers { get; }

    public int Brokers { get; }

    public void CreateTopic(string name, int partitions) => rd_kafka_mock_topic_create(_cluster, name, partitions, Brokers);

    public void SetBrokerDown(int broker) => rd_kafka_mock_broker_set_down(_cluster, broker);

    public void SetBrokerUp(int broker) => rd_kafka_mock_broker_set_up(_cluster, broker);

    /// <summary>Every request to a broker takes this long.</summary>
    public void SetRoundTrip(int broker, TimeSpan time) => rd_kafka_mock_broker_set_rtt(_cluster, broker, (int)time.TotalMilliseconds);

    public void SetLeader(string topic, int partition, int broker) => rd_kafka_mock_partition_set_leader(_cluster, topic, partition, broker);

    /// <summary>The next requests of a kind fail with these error codes, one each.</summary>
    public void PushErrors(short apiKey, params int[] errors) => rd_kafka_mock_push_request_errors_array(_cluster, apiKey, (nuint)errors.Length, errors);

    public void Dispose()
    {
        rd_kafka_mock_cluster_destroy(_cluster);
        rd_kafka_destroy(_client);
    }

    [LibraryImport(Library)]
    private static partial nint rd_kafka_conf_new();

    [LibraryImport(Library)]
    private static partial nint rd_kafka_new(int type, nint conf, byte* error, nuint errorSize);

    [LibraryImport(Library)]
    private static partial void rd_kafka_destroy(nint client);

    [LibraryImport(Library)]
    private static partial nint rd_kafka_mock_cluster_new(nint client, int brokers);

    [LibraryImport(Library)]
    private static partial void rd_kafka_mock_cluster_destroy(nint cluster);

    [LibraryImport(Library)]
    private static partial nint rd_kafka_mock_cluster_bootstraps(nint cluster);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rd_kafka_mock_topic_create(nint cluster, string topic, int partitions, int replication);

    [LibraryImport(Library)]
    private static partial int rd_kafka_mock_broker_set_down(nint cluster, int broker);

    [LibraryImport(Library)]
    private static partial int rd_kafka_mock_broker_set_up(nint cluster, int broker);

    [LibraryImport(Library)]
    private static partial int rd_kafka_mock_broker_set_rtt(nint cluster, int broker, int milliseconds);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rd_kafka_mock_partition_set_leader(nint cluster, string topic, int partition, int broker);

    [LibraryImport(Library)]
    private static partial void rd_kafka_mock_push_request_errors_array(nint cluster, short apiKey, nuint count, int[] errors);

    /// <summary>The test assembly's own imports find the library where the product found it.</summary>
    private static class NativeResolver
    {
        private static readonly bool Set = Install();

        public static void EnsureSet() => _ = Set;

        private static bool Install()
        {
            NativeLibrary.SetDllImportResolver(
                typeof(NativeResolver).Assembly,
                (name, _, _) => name == Library ? NativeLibrary.Load(Environment.GetEnvironmentVariable(LibrdkafkaLoader.PathVariable)!) : 0);
            return true;
        }
    }
}

/// <summary>Stands for the administrative calls, which the mock cluster lacks.</summary>
internal sealed class MockTopicAdmin(MockKafkaCluster cluster) : ITopicAdmin
{
    private readonly Dictionary<string, TopicSpecification> topics = [];

    public Task<IReadOnlyDictionary<string, int>> FindPartitionsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyDictionary<string, int>>(names.Where(topics.ContainsKey).ToDictionary(n => n, n => topics[n].NumPartitions));

    public Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>> FindSettingsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>>(names.ToDictionary(n => n, n => (IReadOnlyDictionary<string, string>)topics[n].Configs));

    public Task CreateAsync(IReadOnlyList<TopicSpecification> specifications, CancellationToken cancellationToken)
    {
        foreach (var topic in specifications)
        {
            cluster.CreateTopic(topic.Name, topic.NumPartitions);
            topics[topic.Name] = topic;
        }
        return Task.CompletedTask;
    }

    public Task ConfigureAsync(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> changes, CancellationToken cancellationToken)
    {
        foreach (var (topic, settings) in changes)
        {
            foreach (var (key, value) in settings) topics[topic].Configs[key] = value;
        }
        return Task.CompletedTask;
    }

    public void Dispose()
    {
    }
}
