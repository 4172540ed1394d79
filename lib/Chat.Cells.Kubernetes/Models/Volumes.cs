namespace Chat.Cells.Kubernetes.Models;

/// <summary>A volume of a pod.</summary>
public sealed record V1Volume : KubernetesModel
{
    public required string Name { get; init; }
    public V1EmptyDirVolumeSource? EmptyDir { get; init; }
    public V1ConfigMapVolumeSource? ConfigMap { get; init; }
    public V1SecretVolumeSource? Secret { get; init; }
    public V1PersistentVolumeClaimVolumeSource? PersistentVolumeClaim { get; init; }
    public V1ProjectedVolumeSource? Projected { get; init; }
    public V1DownwardApiVolumeSource? DownwardAPI { get; init; }
}

/// <summary>A scratch folder.</summary>
public sealed record V1EmptyDirVolumeSource : KubernetesModel
{
    public string? Medium { get; init; }
    public Quantity? SizeLimit { get; init; }
}

/// <summary>A ConfigMap's entries as files.</summary>
public sealed record V1ConfigMapVolumeSource : KubernetesModel
{
    public string? Name { get; init; }
    public IReadOnlyList<V1KeyToPath>? Items { get; init; }
    public int? DefaultMode { get; init; }
    public bool? Optional { get; init; }
}

/// <summary>A Secret's entries as files.</summary>
public sealed record V1SecretVolumeSource : KubernetesModel
{
    public string? SecretName { get; init; }
    public IReadOnlyList<V1KeyToPath>? Items { get; init; }
    public int? DefaultMode { get; init; }
    public bool? Optional { get; init; }
}

/// <summary>One entry as a file.</summary>
public sealed record V1KeyToPath : KubernetesModel
{
    public required string Key { get; init; }
    public required string Path { get; init; }
    public int? Mode { get; init; }
}

/// <summary>A claim as a volume.</summary>
public sealed record V1PersistentVolumeClaimVolumeSource : KubernetesModel
{
    public required string ClaimName { get; init; }
    public bool? ReadOnly { get; init; }
}

/// <summary>Several sources in one folder.</summary>
public sealed record V1ProjectedVolumeSource : KubernetesModel
{
    public IReadOnlyList<V1VolumeProjection>? Sources { get; init; }
    public int? DefaultMode { get; init; }
}

/// <summary>One source of a projected volume.</summary>
public sealed record V1VolumeProjection : KubernetesModel
{
    public V1ProjectedSource? ConfigMap { get; init; }
    public V1ProjectedSource? Secret { get; init; }
}

/// <summary>A ConfigMap or Secret inside a projected volume.</summary>
public sealed record V1ProjectedSource : KubernetesModel
{
    public string? Name { get; init; }
    public IReadOnlyList<V1KeyToPath>? Items { get; init; }
    public bool? Optional { get; init; }
}

/// <summary>Fields of the pod as files.</summary>
public sealed record V1DownwardApiVolumeSource : KubernetesModel
{
    public IReadOnlyList<V1DownwardApiVolumeFile>? Items { get; init; }
    public int? DefaultMode { get; init; }
}

/// <summary>One field of the pod as a file.</summary>
public sealed record V1DownwardApiVolumeFile : KubernetesModel
{
    public required string Path { get; init; }
    public V1ObjectFieldSelector? FieldRef { get; init; }
    public int? Mode { get; init; }
}
