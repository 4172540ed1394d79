namespace Chat.Cells.Bench.Servers;

/// <summary>What stands behind the cell's ports in a run.</summary>
/// <param name="Label">As in <c>bench.json</c>.</param>
/// <param name="Options">The cell's options.</param>
/// <param name="Durability">When an acked message is safe, in words for the report.</param>
/// <param name="HasTargets">Whether figures are held against targets.</param>
internal sealed record Engine(string Label, IReadOnlyList<string> Options, string Durability, bool HasTargets)
{
    private const string StoreOnDisk = "SQLite with journal_mode=WAL, synchronous=FULL (an fsync per transaction)";

    public static Engine Embedded { get; } = new(
        "embedded",
        [],
        $"log: segment files, fdatasync before every ack (group commit), one copy on one disk; store: {StoreOnDisk}; state: in memory, forgetful by design",
        HasTargets: true);

    /// <summary>The engines of real servers that the environment names; null when it names no Kafka.</summary>
    public static Engine? FromEnvironment(Func<string, string?> environment)
    {
        if (environment("KAFKA_BOOTSTRAP_SERVERS") is not { Length: > 0 } kafka) return null;
        return On(kafka, environment("REDIS_URL"), environment("CASSANDRA_CONTACT_POINTS"), "kafka", copies: environment("BENCH_KAFKA_REPLICATION") ?? "1");
    }

    /// <summary>On librdkafka's mock broker, which keeps everything in memory.</summary>
    public static Engine OnMock(string bootstrap, string? redis) => On(bootstrap, redis, null, "kafka-mock", copies: "1") with { HasTargets = false };

    private static Engine On(string kafka, string? redis, string? cassandra, string name, string copies)
    {
        var options = new List<string> { "--log", "kafka", "--kafka-bootstrap", kafka, "--kafka-replication", copies, "--kafka-min-isr", copies, "--topics", "small" };
        var label = name;
        if (redis is { Length: > 0 })
        {
            options.AddRange(["--state", "redis", "--redis", Endpoint(redis)]);
            label += "+redis";
        }
        if (cassandra is { Length: > 0 })
        {
            options.AddRange(["--store", "cassandra", "--cassandra-contact-points", cassandra]);
            label += "+cassandra";
        }
        var log = name == "kafka" ? $"log: Kafka, acks=all from {copies} copies (brokers ack before they flush: durability is replication)" : "log: librdkafka's mock broker, in memory: NOT durable";
        var store = cassandra is { Length: > 0 } ? "store: Cassandra at LOCAL_QUORUM" : $"store: {StoreOnDisk}";
        return new Engine(label, options, $"{log}; {store}", HasTargets: true);
    }

    private static string Endpoint(string redis) =>
        Uri.TryCreate(redis, UriKind.Absolute, out var url) && url.Scheme == "redis" ? $"{url.Host}:{(url.Port > 0 ? url.Port : 6379)}" : redis;
}
