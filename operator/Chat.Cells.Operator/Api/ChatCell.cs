using System.ComponentModel;
using System.Text.Json.Serialization;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api.Schema;

namespace Chat.Cells.Operator.Api;

/// <summary>A chat cell: the resource that platform engineers apply. The CRD is generated from this type.</summary>
[KubernetesEntity(Group = ChatCell.GroupName, ApiVersion = "v1alpha1", Kind = "ChatCell", PluralName = "chatcells")]
[KubernetesEntityShortNames("cell")]
[GenericAdditionalPrinterColumn(".spec.region", "Region", "string", Description = "Region whose users live in the cell.")]
[GenericAdditionalPrinterColumn(".status.conditions[?(@.type==\"Ready\")].status", "Ready", "string", Description = "Whether the cell serves its users.")]
[GenericAdditionalPrinterColumn(".status.gateways", "Gateways", "string", Description = "Gateways that are ready, of those wanted.")]
[GenericAdditionalPrinterColumn(".status.connections", "Connections", "integer", Description = "Sockets that are open.")]
[GenericAdditionalPrinterColumn(".metadata.creationTimestamp", "Age", "date")]
[GenericAdditionalPrinterColumn(".status.conditions[?(@.type==\"Ready\")].reason", "Reason", "string", Description = "Why the cell is ready, or not.", Priority = 1)]
[Description("A ChatCell is a region-scoped, independent unit of the chat system: chat servers, a log, a store and live state. The operator provisions it, puts it into the cell map and joins it to the other cells by bridges.")]
[ValidationRule(
    "size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    "the name of a cell starts with a letter and has at most 40 characters and no dots: it becomes part of every user id and of the names of services")]
public sealed record ChatCell : KubernetesObject
{
    /// <summary>API group.</summary>
    public const string GroupName = "chatcells.io";

    /// <summary>Annotation that accepts that the users of a deleted cell lose their service; its value is the cell's name.</summary>
    public const string AcceptLossAnnotation = GroupName + "/accept-loss-of-service";

    /// <summary>Finalizer of the operator.</summary>
    public const string Finalizer = GroupName + "/cell";

    [Required]
    [Description("What the cell shall be.")]
    public ChatCellSpec Spec { get; init; } = new();

    [Description("What the cell is, as the operator last saw it.")]
    public ChatCellStatus? Status { get; init; }
}

/// <summary>What a cell shall be.</summary>
[ValidationRule("self.kafka.engine != 'Embedded' || self.gateways.replicas == 1", "an embedded cell is one pod: set gateways.replicas to 1, or run the cell on External engines")]
[ValidationRule(
    "(self.kafka.engine == 'Embedded') == (self.cassandra.engine == 'Embedded') && (self.kafka.engine == 'Embedded') == (self.redis.engine == 'Embedded')",
    "a cell is Embedded in all three of kafka, cassandra and redis, or in none of them")]
public sealed record ChatCellSpec : KubernetesModel
{
    [Required]
    [Length(Min = 1, Max = 40)]
    [Pattern("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    [ValidationRule("self == oldSelf", "the region of a cell is for life: its users' handles belong to it; make another cell instead")]
    [Description("Region whose users live in the cell, such as eu-west. New users of the region are spread over its cells by weight. Can't be changed.")]
    public string Region { get; init; } = string.Empty;

    [Default("100")]
    [RangeMinimum(0)]
    [RangeMaximum(1000)]
    [Description("Share of the region's new users, relative to its other cells. 0 takes no new users.")]
    public int Weight { get; init; } = 100;

    [Default("{}")]
    [Description("The chat servers that hold the users' connections.")]
    public GatewaysSpec Gateways { get; init; } = new();

    [Default("{}")]
    [Description("The log that messages are appended to before they are acknowledged.")]
    public KafkaSpec Kafka { get; init; } = new();

    [Default("{}")]
    [Description("The store of messages, inboxes, channels and accounts.")]
    public CassandraSpec Cassandra { get; init; } = new();

    [Default("{}")]
    [Description("Live state: presence, connection registry, rate limits, hints.")]
    public RedisSpec Redis { get; init; } = new();

    [Default("{}")]
    [ValidationRule("self == oldSelf", "the storage of a cell can't be changed: volumes are made once")]
    [Description("The volume of an embedded cell. Can't be changed.")]
    public StorageSpec Storage { get; init; } = new();

    [Default("\"Retain\"")]
    [Description("What happens to an embedded cell's volume when the cell is deleted. Retain keeps it; a cell of the same name in the same namespace takes it up again. Delete destroys it, and the name can't be used again. What a cell has in External engines is never deleted, whichever it is: after Delete only the name is gone.")]
    public DeletionPolicy DeletionPolicy { get; init; }
}

/// <summary>The chat servers.</summary>
public sealed record GatewaysSpec : KubernetesModel
{
    [Default("1")]
    [RangeMinimum(1)]
    [RangeMaximum(100)]
    [Description("How many chat servers. An embedded cell has exactly one; a cell on External engines may have as many as it needs, and the number may change while it serves.")]
    public int Replicas { get; init; } = 1;

    [Default("65000")]
    [RangeMinimum(1)]
    [RangeMaximum(1000000)]
    [Description("Connections that one server takes; further ones are refused and try another server.")]
    public int MaxConnections { get; init; } = 65000;

    [Description("CPU and memory of each server, as in a container.")]
    public ResourcesSpec? Resources { get; init; }
}

/// <summary>Requests and limits of a container.</summary>
public sealed record ResourcesSpec : KubernetesModel
{
    [Description("What is reserved, such as cpu: 500m and memory: 1Gi.")]
    public IReadOnlyDictionary<string, Quantity>? Requests { get; init; }

    [Description("What is allowed at most.")]
    public IReadOnlyDictionary<string, Quantity>? Limits { get; init; }
}

/// <summary>The volume of an embedded cell.</summary>
public sealed record StorageSpec : KubernetesModel
{
    [Default("\"10Gi\"")]
    [RangeMinimum(1)]
    [Pattern(@"^\+?0*(([1-9][0-9]*(\.[0-9]*)?)|(\.[0-9]*[1-9][0-9]*))(([KMGTPE]i)|[kMGTPE]|([eE]\+?[0-9]+))?$")]
    [Description("Size of the volume, such as 10Gi.")]
    public Quantity Size { get; init; } = "10Gi";

    [Length(Max = 253)]
    [Description("Storage class; the cluster's default when not given.")]
    public string? StorageClassName { get; init; }
}

/// <summary>What happens to volumes.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DeletionPolicy>))]
public enum DeletionPolicy
{
    /// <summary>They stay.</summary>
    Retain,

    /// <summary>They are destroyed.</summary>
    Delete,
}
