namespace Chat.Cells.Kubernetes.Models;

/// <summary>A StatefulSet.</summary>
[KubernetesEntity(Group = "apps", ApiVersion = "v1", Kind = "StatefulSet", PluralName = "statefulsets")]
public sealed record V1StatefulSet : KubernetesObject
{
    public V1StatefulSetSpec? Spec { get; init; }
    public V1StatefulSetStatus? Status { get; init; }
}

/// <summary>What a StatefulSet runs.</summary>
public sealed record V1StatefulSetSpec : KubernetesModel
{
    public int? Replicas { get; init; }
    public V1LabelSelector? Selector { get; init; }
    public string? ServiceName { get; init; }
    public V1PodTemplateSpec? Template { get; init; }
    public IReadOnlyList<V1PersistentVolumeClaim>? VolumeClaimTemplates { get; init; }

    /// <summary><c>OrderedReady</c> or <c>Parallel</c>.</summary>
    public string? PodManagementPolicy { get; init; }
    public V1UpdateStrategy? UpdateStrategy { get; init; }
    public int? RevisionHistoryLimit { get; init; }
    public int? MinReadySeconds { get; init; }
    public V1PvcRetentionPolicy? PersistentVolumeClaimRetentionPolicy { get; init; }
}

/// <summary>What happens to claims when the set is deleted or scaled: <c>Retain</c> or <c>Delete</c>.</summary>
public sealed record V1PvcRetentionPolicy : KubernetesModel
{
    public string? WhenDeleted { get; init; }
    public string? WhenScaled { get; init; }
}

/// <summary>How pods are replaced.</summary>
public sealed record V1UpdateStrategy : KubernetesModel
{
    public string? Type { get; init; }
    public V1RollingUpdate? RollingUpdate { get; init; }
}

/// <summary>Bounds of a rolling update.</summary>
public sealed record V1RollingUpdate : KubernetesModel
{
    public int? Partition { get; init; }
    public IntOrString? MaxUnavailable { get; init; }
    public IntOrString? MaxSurge { get; init; }
}

/// <summary>What a StatefulSet has reached.</summary>
public sealed record V1StatefulSetStatus : KubernetesModel
{
    public long? ObservedGeneration { get; init; }
    public int Replicas { get; init; }
    public int? ReadyReplicas { get; init; }
    public int? CurrentReplicas { get; init; }
    public int? UpdatedReplicas { get; init; }
    public int? AvailableReplicas { get; init; }
    public string? CurrentRevision { get; init; }
    public string? UpdateRevision { get; init; }
    public int? CollisionCount { get; init; }
}

/// <summary>A Deployment.</summary>
[KubernetesEntity(Group = "apps", ApiVersion = "v1", Kind = "Deployment", PluralName = "deployments")]
public sealed record V1Deployment : KubernetesObject
{
    public V1DeploymentSpec? Spec { get; init; }
    public V1DeploymentStatus? Status { get; init; }
}

/// <summary>What a Deployment runs.</summary>
public sealed record V1DeploymentSpec : KubernetesModel
{
    public int? Replicas { get; init; }
    public V1LabelSelector? Selector { get; init; }
    public V1PodTemplateSpec? Template { get; init; }
    public V1UpdateStrategy? Strategy { get; init; }
    public int? MinReadySeconds { get; init; }
    public int? RevisionHistoryLimit { get; init; }
    public int? ProgressDeadlineSeconds { get; init; }
    public bool? Paused { get; init; }
}

/// <summary>What a Deployment has reached.</summary>
public sealed record V1DeploymentStatus : KubernetesModel
{
    public long? ObservedGeneration { get; init; }
    public int? Replicas { get; init; }
    public int? UpdatedReplicas { get; init; }
    public int? ReadyReplicas { get; init; }
    public int? AvailableReplicas { get; init; }
    public int? UnavailableReplicas { get; init; }
    public IReadOnlyList<V1DeploymentCondition>? Conditions { get; init; }
}

/// <summary>A condition of a Deployment.</summary>
public sealed record V1DeploymentCondition : KubernetesModel
{
    public required string Type { get; init; }
    public required string Status { get; init; }
    public DateTimeOffset? LastUpdateTime { get; init; }
    public DateTimeOffset? LastTransitionTime { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }
}
