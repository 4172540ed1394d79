using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.LocalCluster.Controllers.Workloads;

/// <summary>A ReplicaSet: so many pods of one template.</summary>
[KubernetesEntity(Group = "apps", ApiVersion = "v1", Kind = "ReplicaSet", PluralName = "replicasets")]
public sealed record V1ReplicaSet : KubernetesObject
{
    public V1ReplicaSetSpec? Spec { get; init; }

    public V1ReplicaSetStatus? Status { get; init; }
}

/// <summary>What a ReplicaSet should be.</summary>
public sealed record V1ReplicaSetSpec : KubernetesModel
{
    public int? Replicas { get; init; }

    public int? MinReadySeconds { get; init; }

    public V1LabelSelector? Selector { get; init; }

    public V1PodTemplateSpec? Template { get; init; }
}

/// <summary>What a ReplicaSet is.</summary>
public sealed record V1ReplicaSetStatus : KubernetesModel
{
    public int Replicas { get; init; }

    public int? FullyLabeledReplicas { get; init; }

    public int? ReadyReplicas { get; init; }

    public int? AvailableReplicas { get; init; }

    public long? ObservedGeneration { get; init; }
}
