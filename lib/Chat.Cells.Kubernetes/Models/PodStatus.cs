using System.Text.Json.Serialization;

namespace Chat.Cells.Kubernetes.Models;

/// <summary>What a pod is doing.</summary>
public sealed record V1PodStatus : KubernetesModel
{
    /// <summary><c>Pending</c>, <c>Running</c>, <c>Succeeded</c>, <c>Failed</c> or <c>Unknown</c>.</summary>
    public string? Phase { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }

    [JsonPropertyName("hostIP")]
    public string? HostIP { get; init; }

    [JsonPropertyName("podIP")]
    public string? PodIP { get; init; }

    [JsonPropertyName("podIPs")]
    public IReadOnlyList<V1PodIP>? PodIPs { get; init; }
    public DateTimeOffset? StartTime { get; init; }
    public IReadOnlyList<V1PodCondition>? Conditions { get; init; }
    public IReadOnlyList<V1ContainerStatus>? ContainerStatuses { get; init; }
    public IReadOnlyList<V1ContainerStatus>? InitContainerStatuses { get; init; }
    public string? QosClass { get; init; }
}

/// <summary>An address of a pod.</summary>
public sealed record V1PodIP : KubernetesModel
{
    public required string Ip { get; init; }
}

/// <summary>A condition of a pod, or of another kind with probe times.</summary>
public sealed record V1PodCondition : KubernetesModel
{
    public required string Type { get; init; }
    public required string Status { get; init; }
    public DateTimeOffset? LastProbeTime { get; init; }
    public DateTimeOffset? LastTransitionTime { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }
    public long? ObservedGeneration { get; init; }
}

/// <summary>What a container is doing.</summary>
public sealed record V1ContainerStatus : KubernetesModel
{
    public required string Name { get; init; }
    public bool Ready { get; init; }
    public bool? Started { get; init; }
    public int RestartCount { get; init; }
    public string Image { get; init; } = string.Empty;

    [JsonPropertyName("imageID")]
    public string ImageID { get; init; } = string.Empty;

    [JsonPropertyName("containerID")]
    public string? ContainerID { get; init; }
    public V1ContainerState? State { get; init; }
    public V1ContainerState? LastState { get; init; }
}

/// <summary>One of three states.</summary>
public sealed record V1ContainerState : KubernetesModel
{
    public V1ContainerStateWaiting? Waiting { get; init; }
    public V1ContainerStateRunning? Running { get; init; }
    public V1ContainerStateTerminated? Terminated { get; init; }
}

/// <summary>Not running yet.</summary>
public sealed record V1ContainerStateWaiting : KubernetesModel
{
    public string? Reason { get; init; }
    public string? Message { get; init; }
}

/// <summary>Running.</summary>
public sealed record V1ContainerStateRunning : KubernetesModel
{
    public DateTimeOffset? StartedAt { get; init; }
}

/// <summary>Ended.</summary>
public sealed record V1ContainerStateTerminated : KubernetesModel
{
    public required int ExitCode { get; init; }
    public int? Signal { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }

    [JsonPropertyName("containerID")]
    public string? ContainerID { get; init; }
}
