using System.ComponentModel;
using System.Text.Json.Serialization;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api.Schema;

namespace Chat.Cells.Operator.Api;

/// <summary>Where a component comes from.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EngineKind>))]
public enum EngineKind
{
    /// <summary>Built into the cell's one process, durable on one volume.</summary>
    Embedded,

    /// <summary>Servers that the operator runs.</summary>
    Managed,

    /// <summary>Servers that somebody else runs.</summary>
    External,
}

/// <summary>One component of a cell.</summary>
[ValidationRule("self.engine != 'External' || (has(self.endpoints) && size(self.endpoints) > 0)", "an External engine needs endpoints: list the servers as host:port")]
[ValidationRule("self.engine == 'External' || (!has(self.endpoints) && !has(self.secretName))", "endpoints and secretName are for engine: External")]
public abstract record EngineSpec : KubernetesModel
{
    private const string EndpointPattern =
        @"^([a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?)*|\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\])"
        + ":([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$";

    [Default("\"Embedded\"")]
    [ValidationRule("self == oldSelf || oldSelf == 'Managed'", "the engine of a cell is for life: what the cell has in it would be left behind; make another cell instead")]
    [Description("Embedded is built into the cell's one pod (a laptop, a test, a tiny cell). External servers are run by somebody else: the cell connects to them. Managed servers, run by the operator, are not available yet. A cell is Embedded in all three components or in none. Can't be changed.")]
    public EngineKind Engine { get; init; }

    [RangeMinimum(1)]
    [RangeMaximum(100)]
    [Description("How many servers, of a Managed engine.")]
    public int? Replicas { get; init; }

    [Length(Max = 100)]
    [ItemPattern(EndpointPattern)]
    [Description("The servers of an External engine to begin with, each as host:port; an IPv6 address stands in brackets. Several of one Kafka, of one Cassandra datacenter, or of one Redis Cluster. They may change, but must stay the same installation: the cell's data are there.")]
    public IReadOnlyList<string>? Endpoints { get; init; }

    [Length(Min = 1, Max = 253)]
    [Pattern(@"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")]
    [Description("Secret in the cell's namespace with the credentials of an External engine; none when the servers ask for none. Of it only these keys are read. Kafka: kafka.properties (required; SASL, TLS and other settings by librdkafka's names, one name=value a line), kafka-ca.pem, kafka-certificate.pem, kafka-key.pem. Cassandra: cassandra-username and cassandra-password (both or none), cassandra-ca.pem. Redis: redis-password, redis-ca.pem. A ca.pem has the certificates of who signed the servers'; with it Cassandra and Redis are spoken to by TLS, Kafka as security.protocol says. One Secret may serve all three.")]
    public string? SecretName { get; init; }
}

/// <summary>The log.</summary>
[ValidationRule(
    "(has(self.minInSyncReplicas) ? self.minInSyncReplicas : 2) <= (has(self.replicationFactor) ? self.replicationFactor : 3)",
    "minInSyncReplicas (2 when not given) can't be more than replicationFactor (3 when not given): no message could be acknowledged")]
[ValidationRule(
    "oldSelf.engine == 'Managed' || (has(self.topicPrefix) ? self.topicPrefix : 'Cell') == (has(oldSelf.topicPrefix) ? oldSelf.topicPrefix : 'Cell')",
    "the topicPrefix of a cell is for life: its topics would be left behind")]
[ValidationRule(
    "oldSelf.engine == 'Managed' || (has(self.partitions) ? self.partitions : 'Full') == (has(oldSelf.partitions) ? oldSelf.partitions : 'Full')",
    "the partitions of a cell's topics are for life")]
public sealed record KafkaSpec : EngineSpec
{
    [RangeMinimum(1)]
    [RangeMaximum(100)]
    [Description("Copies of each partition of an External Kafka; 3 when not given. Needs as many brokers.")]
    public int? ReplicationFactor { get; init; }

    [RangeMinimum(1)]
    [RangeMaximum(100)]
    [Description("Copies that must have a message in an External Kafka before it is acknowledged; 2 when not given. At most replicationFactor.")]
    public int? MinInSyncReplicas { get; init; }

    [Description("Who makes the cell's topics in an External Kafka. Managed, also when not given: the cell makes them and puts their settings right. External: somebody else makes them (Strimzi, an administrator); the cell checks that they are there and says what is missing.")]
    public TopicOwner? Topics { get; init; }

    [Description("What the names of topics and consumer groups begin with in an External Kafka. Cell, also when not given: the cell's name and a dot, so that cells may share a Kafka. None: nothing, for a Kafka of the cell's own. Can't be changed.")]
    public TopicPrefix? TopicPrefix { get; init; }

    [Description("Partitions of the topics in an External Kafka. Full, also when not given: 64 to 128 for messages. Small: a few, for one broker on a laptop. All cells that have bridges between them need the same, or nothing passes; an embedded cell's are Small. Can't be changed.")]
    public TopicPartitions? Partitions { get; init; }
}

/// <summary>The store.</summary>
[ValidationRule("self.engine != 'External' || has(self.datacenter)", "an External Cassandra needs its datacenter: name the one that the cell uses, as the ring spells it")]
[ValidationRule(
    "oldSelf.engine == 'Managed' || (has(self.keyspace) ? self.keyspace : '') == (has(oldSelf.keyspace) ? oldSelf.keyspace : '')",
    "the keyspace of a cell is for life: its messages would be left behind")]
public sealed record CassandraSpec : EngineSpec
{
    [Length(Min = 1, Max = 100)]
    [Pattern("^[a-zA-Z0-9_]([-a-zA-Z0-9_.]*[a-zA-Z0-9_])?$")]
    [Description("Datacenter of an External Cassandra that the cell uses, as the ring spells it (nodetool status). Required there: statements go nowhere else.")]
    public string? Datacenter { get; init; }

    [Length(Min = 1, Max = 48)]
    [Pattern("^[a-z][a-z0-9_]*$")]
    [Description("Keyspace of the cell in an External Cassandra; chat_ and the cell's name, with underscores for dashes, when not given. Made by the cell unless it is there. Can't be changed.")]
    public string? Keyspace { get; init; }

    [RangeMinimum(1)]
    [RangeMaximum(100)]
    [Description("Copies of each row in the datacenter of an External Cassandra; 3 when not given. Needs as many nodes there.")]
    public int? ReplicationFactor { get; init; }

    [Length(Max = 100)]
    [ItemPattern(@"^(\[[0-9a-fA-F:.]+\]|[0-9.]+):[1-9][0-9]{0,4}=(\[[0-9a-fA-F:.]+\]|[0-9.]+):[1-9][0-9]{0,4}$")]
    [Description("Only behind NAT or forwarded ports: where nodes of an External Cassandra are reached that tell of addresses which can't be, each as ip:port=ip:port, what the node says first.")]
    public IReadOnlyList<string>? Addresses { get; init; }
}

/// <summary>Live state.</summary>
public sealed record RedisSpec : EngineSpec;

/// <summary>Who makes a cell's topics.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TopicOwner>))]
public enum TopicOwner
{
    /// <summary>The cell.</summary>
    Managed,

    /// <summary>Somebody else; the cell checks them.</summary>
    External,
}

/// <summary>What the names of topics begin with.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TopicPrefix>))]
public enum TopicPrefix
{
    /// <summary>The cell's name.</summary>
    Cell,

    /// <summary>Nothing.</summary>
    None,
}

/// <summary>How many partitions topics have.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TopicPartitions>))]
public enum TopicPartitions
{
    /// <summary>For production.</summary>
    Full,

    /// <summary>For a laptop.</summary>
    Small,
}
