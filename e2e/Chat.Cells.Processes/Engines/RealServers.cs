namespace Chat.Cells.Processes.Engines;

/// <summary>The servers that the environment names.</summary>
public sealed record RealServers
{
    public const string KafkaVariable = "KAFKA_BOOTSTRAP_SERVERS";
    public const string CassandraVariable = "CASSANDRA_CONTACT_POINTS";
    public const string CassandraDatacenterVariable = "CASSANDRA_LOCAL_DATACENTER";
    public const string CassandraUserVariable = "CASSANDRA_USERNAME";
    public const string CassandraPasswordVariable = "CASSANDRA_PASSWORD";
    public const string RedisVariable = "REDIS_URL";

    /// <summary><c>host:port,…</c>; null: not given.</summary>
    public string? Kafka { get; init; }

    /// <summary><c>host[:port],…</c>; null: not given.</summary>
    public string? Cassandra { get; init; }

    /// <summary>The datacenter of the cells.</summary>
    public string CassandraDatacenter { get; init; } = "datacenter1";

    public (string UserName, string Password)? CassandraCredentials { get; init; }

    /// <summary><c>host:port,…</c>; null: not given.</summary>
    public string? Redis { get; init; }

    public string? RedisPassword { get; init; }

    /// <summary>The variables that are not set, in words.</summary>
    public IReadOnlyList<string> Missing => new[]
    {
        Kafka is null ? $"{KafkaVariable} (host:port,…)" : null,
        Cassandra is null ? $"{CassandraVariable} (host:port,…)" : null,
        Redis is null ? $"{RedisVariable} (redis://:password@host:port)" : null,
    }.OfType<string>().ToArray();

    /// <exception cref="ClusterException">A variable that is set can't be used.</exception>
    public static RealServers Read(Func<string, string?> environment)
    {
        string? Value(string name) => environment(name) is { Length: > 0 } text ? text : null;
        var (redis, password) = Value(RedisVariable) is { } url ? ReadRedis(url) : (null, null);
        var real = new RealServers { Kafka = Value(KafkaVariable), Cassandra = Value(CassandraVariable), Redis = redis, RedisPassword = password };
        if (Value(CassandraDatacenterVariable) is { } datacenter) real = real with { CassandraDatacenter = datacenter };
        return (Value(CassandraUserVariable), Value(CassandraPasswordVariable)) switch
        {
            (null, null) => real,
            ({ } user, { } secret) => real with { CassandraCredentials = (user, secret) },
            _ => throw new ClusterException($"Only one of {CassandraUserVariable} and {CassandraPasswordVariable} is set."),
        };
    }

    /// <summary>Without the secrets.</summary>
    public override string ToString() => $"Kafka at {Kafka ?? "-"}, Cassandra at {Cassandra ?? "-"}, Redis at {Redis ?? "-"}";

    /// <summary>Never shows the URL: it may hold a password.</summary>
    private static (string Endpoint, string? Password) ReadRedis(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme != "redis" || url.Host.Length == 0)
        {
            throw new ClusterException($"{RedisVariable} is not redis://host:port or redis://:password@host:port.");
        }
        var colon = url.UserInfo.IndexOf(':', StringComparison.Ordinal);
        return (FormattableString.Invariant($"{url.Host}:{(url.Port > 0 ? url.Port : 6379)}"), colon < 0 ? null : Uri.UnescapeDataString(url.UserInfo[(colon + 1)..]));
    }
}
