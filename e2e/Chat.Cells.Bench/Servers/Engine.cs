namespace Chat.Cells.Bench.Servers;

/// <summary>What stands behind the cell's ports in a run.</summary>
/// <param name="Label">As in <c>bench.json</c>.</param>
/// <param name="Options">The cell's options.</param>
/// <param name="Durability">When an acked message is safe, in words for the report.</param>
/// <param name="HasTargets">Whether figures are held against targets.</param>
internal sealed record Engine(string Label, IReadOnlyList<string> Options, string Durability, bool HasTargets)
{
    /// <summary>Files for the cell's secrets folder.</summary>
    public IReadOnlyDictionary<string, string> Secrets { get; init; } = new Dictionary<string, string>();

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
        var copies = environment("KAFKA_REPLICATION") ?? "1";
        var secrets = new Dictionary<string, string>();
        var options = new List<string> { "--log", "kafka", "--kafka-bootstrap", kafka, "--kafka-replication", copies, "--kafka-min-isr", copies, "--topics", "small" };
        var label = "kafka";
        if (environment("REDIS_URL") is { Length: > 0 } redis)
        {
            options.AddRange(["--state", "redis", "--redis", Endpoint(redis)]);
            if (Uri.TryCreate(redis, UriKind.Absolute, out var url) && url.UserInfo.Split(':') is [_, { Length: > 0 } password]) secrets["redis-password"] = Uri.UnescapeDataString(password);
            label += "+redis";
        }
        var store = $"store: {StoreOnDisk}";
        if (environment("CASSANDRA_CONTACT_POINTS") is { Length: > 0 } cassandra)
        {
            options.AddRange(["--store", "cassandra", "--cassandra", cassandra, "--cassandra-datacenter", environment("CASSANDRA_LOCAL_DATACENTER") ?? "datacenter1", "--cassandra-replication", "1"]);
            if (environment("CASSANDRA_USERNAME") is { Length: > 0 } user) secrets["cassandra-username"] = user;
            if (environment("CASSANDRA_PASSWORD") is { Length: > 0 } secret) secrets["cassandra-password"] = secret;
            label += "+cassandra";
            store = "store: Cassandra at LOCAL_QUORUM, one copy of each row";
        }
        return new Engine(label, options, $"log: Kafka, acks=all from {copies} copies (brokers ack before they flush: durability is replication); {store}", HasTargets: true) { Secrets = secrets };
    }

    private static string Endpoint(string redis) =>
        Uri.TryCreate(redis, UriKind.Absolute, out var url) && url.Scheme == "redis" ? $"{url.Host}:{(url.Port > 0 ? url.Port : 6379)}" : redis;
}
