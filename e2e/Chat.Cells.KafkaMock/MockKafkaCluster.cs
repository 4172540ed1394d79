using System.Runtime.InteropServices;
using Chat.Cells.Cell.Engines.Kafka;

namespace Chat.Cells.KafkaMock;

/// <summary>
/// librdkafka's own mock cluster: speaks the Kafka protocol over TCP on loopback. A test double: in memory, the append time is the producer's, a partition keeps
/// its last 5 MB or 100,000 batches, and the administrative calls are missing. Thread-safe.
/// </summary>
public sealed unsafe partial class MockKafkaCluster : IDisposable
{
    private const string Library = "librdkafka";
    private const int Producer = 0;
    private static readonly Lazy<bool> Resolver = new(() =>
    {
        LibrdkafkaLoader.ResolveFor(typeof(MockKafkaCluster).Assembly);
        return true;
    });

    private readonly Lock _lock = new();
    private readonly nint _client;
    private readonly nint _cluster;
    private bool _disposed;

    /// <summary>Starts the brokers.</summary>
    /// <param name="brokers">How many; their numbers begin with 1.</param>
    /// <param name="groupDelay">How long a group waits for its members before its first assignment; a real broker's default is 3 s.</param>
    /// <exception cref="DllNotFoundException">librdkafka isn't there.</exception>
    public MockKafkaCluster(int brokers = 3, TimeSpan? groupDelay = null)
    {
        _ = Resolver.Value;
        var error = stackalloc byte[512];
        var configuration = rd_kafka_conf_new();
        // It would warn that it has no brokers: it is them.
        _ = rd_kafka_conf_set(configuration, "log_level", "3", error, 512);
        _client = rd_kafka_new(Producer, configuration, error, 512);
        if (_client == 0) throw new InvalidOperationException($"No mock cluster: {Marshal.PtrToStringUTF8((nint)error)}");
        _cluster = rd_kafka_mock_cluster_new(_client, brokers);
        if (_cluster == 0) throw new InvalidOperationException("No mock cluster: librdkafka could not start its brokers.");
        // None is named by itself, and a client asks the controller what topics there are.
        rd_kafka_mock_set_controller_id(_cluster, 1);
        rd_kafka_mock_group_initial_rebalance_delay_ms(_cluster, (int)(groupDelay ?? TimeSpan.FromMilliseconds(500)).TotalMilliseconds);
        BootstrapServers = Marshal.PtrToStringUTF8(rd_kafka_mock_cluster_bootstraps(_cluster))!;
        Brokers = brokers;
    }

    /// <summary>The library's version, which is the mock's.</summary>
    public static string Version
    {
        get
        {
            _ = Resolver.Value;
            return Marshal.PtrToStringUTF8(rd_kafka_version_str())!;
        }
    }

    /// <summary><c>host:port</c> of each broker, separated by commas.</summary>
    public string BootstrapServers { get; }

    /// <summary>How many there are.</summary>
    public int Brokers { get; }

    /// <exception cref="InvalidOperationException">There is one of that name already.</exception>
    public void CreateTopic(string name, int partitions) => Call($"topic {name}", () => rd_kafka_mock_topic_create(_cluster, name, partitions, Brokers));

    /// <summary>Its records are gone; what groups have committed of it stays.</summary>
    public void DeleteTopic(string name) => Call($"topic {name}", () => rd_kafka_mock_topic_delete(_cluster, name));

    /// <summary>What brokers say of a topic instead of its partitions: Kafka's number of an error, 0 for none. 3, unknown, is what a broker says that has not heard of a new topic yet.</summary>
    public void SetTopicError(string name, int error) => Call($"topic {name}", () =>
    {
        rd_kafka_mock_topic_set_error(_cluster, name, error);
        return 0;
    });

    /// <summary>Its connections are closed and new ones refused. What it has stays.</summary>
    public void SetBrokerDown(int broker) => Call($"broker {broker}", () => rd_kafka_mock_broker_set_down(_cluster, broker));

    public void SetBrokerUp(int broker) => Call($"broker {broker}", () => rd_kafka_mock_broker_set_up(_cluster, broker));

    /// <summary>Every answer of a broker takes this much longer.</summary>
    public void SetRoundTrip(int broker, TimeSpan time) => Call($"broker {broker}", () => rd_kafka_mock_broker_set_rtt(_cluster, broker, (int)time.TotalMilliseconds));

    public void SetLeader(string topic, int partition, int broker) =>
        Call($"{topic}[{partition}] and broker {broker}", () => rd_kafka_mock_partition_set_leader(_cluster, topic, partition, broker));

    /// <summary>Moves a group's coordinator.</summary>
    public void SetCoordinator(string group, int broker) => Call($"group {group} and broker {broker}", () => rd_kafka_mock_coordinator_set(_cluster, "group", group, broker));

    /// <summary>The next requests of a kind (Kafka's number of it: 0 produce, 1 fetch, 8 offset commit, …) fail with these error codes, one each.</summary>
    public void PushErrors(short apiKey, params int[] errors) => Call("errors", () =>
    {
        rd_kafka_mock_push_request_errors_array(_cluster, apiKey, (nuint)errors.Length, errors);
        return 0;
    });

    /// <summary>What is left of <see cref="PushErrors"/> for a kind of request.</summary>
    public void ClearErrors(short apiKey) => Call("errors", () =>
    {
        rd_kafka_mock_clear_request_errors(_cluster, apiKey);
        return 0;
    });

    /// <summary>Retention: records below an offset are gone.</summary>
    public void DeleteRecords(string topic, int partition, long before) =>
        Call($"{topic}[{partition}]", () => rd_kafka_mock_partition_delete_records(_cluster, topic, partition, before));

    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed) return;
            _disposed = true;
        }
        rd_kafka_mock_cluster_destroy(_cluster);
        rd_kafka_destroy(_client);
    }

    private void Call(string what, Func<int> call)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var error = call();
            if (error != 0) throw new InvalidOperationException($"The mock cluster refused ({what}): {Marshal.PtrToStringUTF8(rd_kafka_err2str(error))}");
        }
    }
}
