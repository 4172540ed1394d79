using Confluent.Kafka;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>How to reach a Kafka cluster, and how durable to be.</summary>
public sealed record KafkaOptions
{
    /// <summary>Comma-separated <c>host:port</c>.</summary>
    public required string BootstrapServers { get; init; }

    /// <summary>Put before every topic and group name, so that several cells may share a cluster; for example <c>eu-west-1.</c>. Empty: none.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Copies of each partition.</summary>
    public short ReplicationFactor { get; init; } = 3;

    /// <summary>Copies that must have a record before it is acked.</summary>
    public int MinInSyncReplicas { get; init; } = 2;

    /// <summary>Somebody else makes the topics (an operator of Kafka's, an administrator): they are checked, and no administrative call changes anything.</summary>
    public bool ExternalTopics { get; init; }

    /// <summary>The largest record, in bytes: topic and producer limits follow it.</summary>
    public int MaxRecordBytes { get; init; } = 2_000_000;

    /// <summary>How long an append may take before its outcome is called unknown.</summary>
    public TimeSpan AppendTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long a broker with an open connection may leave a request unanswered before it is called hung and the connection is made anew; joins of groups may take longer. Longer
    /// than Kafka takes to call it dead (<c>broker.session.timeout.ms</c>, 9 s): until then those who lead wait for it too. librdkafka's default is 60 s.
    /// </summary>
    public TimeSpan SocketTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long metadata and offset requests may take.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often it is looked whether topics were deleted or made again, whether there are topics of a group that its members could not see yet, and whether the settings of the secret were changed.</summary>
    public TimeSpan TopicCheckInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>After this silence the group gives a member's partitions to others.</summary>
    public TimeSpan SessionTimeout { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>After so long outside its group a member begins anew with a new client. Longer than a coordinator takes to move, and than a rebalance waits for the others.</summary>
    public TimeSpan JoinPatience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// This server's id, the same after a restart (KIP-345): a member that died and comes back within <see cref="SessionTimeout"/> has its partitions again at once, without a
    /// rebalance. Null: every start is another member, and what a dead one held is free when its session ends.
    /// </summary>
    public string? InstanceId { get; init; }

    /// <summary>Security and other client settings by librdkafka's names (<c>security.protocol</c>, <c>sasl.username</c>, …), from the cell's secret. Never logged.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The same settings where they may change while the server runs; then these are used. Null: they never change.</summary>
    public LiveSettings? Live { get; init; }

    internal string Full(string name) => Prefix + name;

    internal ClientConfig Client(string clientId)
    {
        var config = new ClientConfig(new Dictionary<string, string>(Live?.Current ?? Settings))
        {
            BootstrapServers = BootstrapServers,
            ClientId = clientId,
            SocketKeepaliveEnable = true,
            SocketNagleDisable = true,
            ReconnectBackoffMs = 50,
            ReconnectBackoffMaxMs = 2_000,
            LogConnectionClose = false,
            AllowAutoCreateTopics = false,
        };
        // The cell's own settings may say otherwise.
        if (config.SocketTimeoutMs is null) config.SocketTimeoutMs = (int)SocketTimeout.TotalMilliseconds;
        return config;
    }
}
