using System.ComponentModel;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api.Schema;

namespace Chat.Cells.Operator.Api;

/// <summary>What a cell is.</summary>
public sealed record ChatCellStatus : KubernetesModel
{
    [Description("Generation of the spec that this status is about.")]
    public long? ObservedGeneration { get; init; }

    [Description("The cell's number, part of every message id. Never used again for another cell.")]
    public int? Number { get; init; }

    [Description("Gateways that are ready, of those wanted, such as 1/1.")]
    public string? Gateways { get; init; }

    [Description("Sockets that are open.")]
    public int? Connections { get; init; }

    [Description("Users whose home is the cell.")]
    public long? Users { get; init; }

    [Description("Where the cell listens, inside the cluster.")]
    public EndpointsStatus? Endpoints { get; init; }

    [Description("When the cell was ready for the first time. From then on it may have users.")]
    public DateTimeOffset? FirstReadyTime { get; init; }

    [ListMapKey("type")]
    [Description("Ready, Reconciling and Stalled as kstatus reads them; GatewaysReady, KafkaReady, CassandraReady, RedisReady and BridgesReady for the parts; UsersRemain while a deletion waits.")]
    public IReadOnlyList<ConditionStatus>? Conditions { get; init; }
}

/// <summary>Addresses of a cell.</summary>
public sealed record EndpointsStatus : KubernetesModel
{
    [Description("For clients, through the router.")]
    public string? Public { get; init; }

    [Description("For bridges, other cells and the operator.")]
    public string? Internal { get; init; }
}

/// <summary>meta/v1 Condition, with the schema that the API conventions ask for.</summary>
public sealed record ConditionStatus : KubernetesModel
{
    [Required]
    [Length(Max = 316)]
    [Description("Type of the condition in CamelCase.")]
    public string Type { get; init; } = string.Empty;

    [Required]
    [Pattern("^(True|False|Unknown)$")]
    [Description("True, False or Unknown.")]
    public string Status { get; init; } = "Unknown";

    [RangeMinimum(0)]
    [Description("Generation of the spec that the condition is about.")]
    public long? ObservedGeneration { get; init; }

    [Required]
    [Description("When the status of the condition last changed.")]
    public DateTimeOffset LastTransitionTime { get; init; }

    [Required]
    [Length(Min = 1, Max = 1024)]
    [Description("Why, in one word in CamelCase.")]
    public string Reason { get; init; } = string.Empty;

    [Required]
    [Length(Max = 32768)]
    [Description("Why, for people.")]
    public string Message { get; init; } = string.Empty;
}
