using System.Text.Json.Serialization;

namespace Chat.Cells.Kubernetes.Models;

/// <summary>A namespace.</summary>
[KubernetesEntity(ApiVersion = "v1", Kind = "Namespace", PluralName = "namespaces", Namespaced = false)]
public sealed record V1Namespace : KubernetesObject;

/// <summary>A node.</summary>
[KubernetesEntity(ApiVersion = "v1", Kind = "Node", PluralName = "nodes", Namespaced = false)]
public sealed record V1Node : KubernetesObject;

/// <summary>A service account.</summary>
[KubernetesEntity(ApiVersion = "v1", Kind = "ServiceAccount", PluralName = "serviceaccounts")]
public sealed record V1ServiceAccount : KubernetesObject
{
    public bool? AutomountServiceAccountToken { get; init; }
}

/// <summary>Configuration as text (and binary) entries.</summary>
[KubernetesEntity(ApiVersion = "v1", Kind = "ConfigMap", PluralName = "configmaps")]
public sealed record V1ConfigMap : KubernetesObject
{
    public IReadOnlyDictionary<string, string>? Data { get; init; }
    public IReadOnlyDictionary<string, byte[]>? BinaryData { get; init; }
    public bool? Immutable { get; init; }
}

/// <summary>Secret entries. Never log one: <see cref="object.ToString"/> leaves the values out.</summary>
[KubernetesEntity(ApiVersion = "v1", Kind = "Secret", PluralName = "secrets")]
public sealed record V1Secret : KubernetesObject
{
    public string? Type { get; init; }

    /// <summary>Decoded values; base64 in JSON.</summary>
    public IReadOnlyDictionary<string, byte[]>? Data { get; init; }

    /// <summary>Write-only text values.</summary>
    public IReadOnlyDictionary<string, string>? StringData { get; init; }
    public bool? Immutable { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"Secret {ObjectKey.Of(this)}";
}

/// <summary>A service.</summary>
[KubernetesEntity(ApiVersion = "v1", Kind = "Service", PluralName = "services")]
public sealed record V1Service : KubernetesObject
{
    public V1ServiceSpec? Spec { get; init; }
}

/// <summary>What a service forwards.</summary>
public sealed record V1ServiceSpec : KubernetesModel
{
    /// <summary><c>ClusterIP</c>, <c>NodePort</c>, <c>LoadBalancer</c> or <c>ExternalName</c>.</summary>
    public string? Type { get; init; }

    /// <summary>The virtual address; <c>None</c> for a headless service.</summary>
    [JsonPropertyName("clusterIP")]
    public string? ClusterIP { get; init; }

    [JsonPropertyName("clusterIPs")]
    public IReadOnlyList<string>? ClusterIPs { get; init; }
    public IReadOnlyDictionary<string, string>? Selector { get; init; }
    public IReadOnlyList<V1ServicePort>? Ports { get; init; }
    public bool? PublishNotReadyAddresses { get; init; }
    public string? SessionAffinity { get; init; }
}

/// <summary>A port of a service.</summary>
public sealed record V1ServicePort : KubernetesModel
{
    public string? Name { get; init; }
    public string? Protocol { get; init; }
    public string? AppProtocol { get; init; }
    public required int Port { get; init; }
    public IntOrString? TargetPort { get; init; }
    public int? NodePort { get; init; }
}

/// <summary>A claim for storage.</summary>
[KubernetesEntity(ApiVersion = "v1", Kind = "PersistentVolumeClaim", PluralName = "persistentvolumeclaims")]
public sealed record V1PersistentVolumeClaim : KubernetesObject
{
    public V1PersistentVolumeClaimSpec? Spec { get; init; }
    public V1PersistentVolumeClaimStatus? Status { get; init; }
}

/// <summary>What a claim asks for.</summary>
public sealed record V1PersistentVolumeClaimSpec : KubernetesModel
{
    public IReadOnlyList<string>? AccessModes { get; init; }
    public V1ResourceRequirements? Resources { get; init; }
    public string? StorageClassName { get; init; }
    public string? VolumeName { get; init; }
    public string? VolumeMode { get; init; }
}

/// <summary>What a claim got.</summary>
public sealed record V1PersistentVolumeClaimStatus : KubernetesModel
{
    /// <summary><c>Pending</c>, <c>Bound</c> or <c>Lost</c>.</summary>
    public string? Phase { get; init; }
    public IReadOnlyList<string>? AccessModes { get; init; }
    public IReadOnlyDictionary<string, Quantity>? Capacity { get; init; }
}

/// <summary>An event about an object (core/v1), as <c>kubectl describe</c> shows it.</summary>
[KubernetesEntity(ApiVersion = "v1", Kind = "Event", PluralName = "events")]
public sealed record V1Event : KubernetesObject
{
    public required V1ObjectReference InvolvedObject { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }
    public V1EventSource? Source { get; init; }
    public DateTimeOffset? FirstTimestamp { get; init; }
    public DateTimeOffset? LastTimestamp { get; init; }
    public int? Count { get; init; }

    /// <summary><c>Normal</c> or <c>Warning</c>.</summary>
    public string? Type { get; init; }

    [JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? EventTime { get; init; }
    public string? Action { get; init; }
    public string? ReportingComponent { get; init; }
    public string? ReportingInstance { get; init; }
}

/// <summary>Who sent an event.</summary>
public sealed record V1EventSource : KubernetesModel
{
    public string? Component { get; init; }
    public string? Host { get; init; }
}

/// <summary>A reference to any object.</summary>
public sealed record V1ObjectReference : KubernetesModel
{
    public string? ApiVersion { get; init; }
    public string? Kind { get; init; }
    public string? Name { get; init; }
    public string? Namespace { get; init; }
    public string? Uid { get; init; }
    public string? ResourceVersion { get; init; }
    public string? FieldPath { get; init; }

    /// <summary>A reference to a served object.</summary>
    public static V1ObjectReference To(IKubernetesObject value) => new()
    {
        ApiVersion = value.ApiVersion,
        Kind = value.Kind,
        Name = value.Metadata.Name,
        Namespace = value.Metadata.Namespace,
        Uid = value.Metadata.Uid,
        ResourceVersion = value.Metadata.ResourceVersion,
    };
}
