using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat.Cells.Kubernetes.Models;

/// <summary>Where a service's traffic goes.</summary>
[KubernetesEntity(Group = "discovery.k8s.io", ApiVersion = "v1", Kind = "EndpointSlice", PluralName = "endpointslices")]
public sealed record V1EndpointSlice : KubernetesObject
{
    /// <summary><c>IPv4</c>, <c>IPv6</c> or <c>FQDN</c>.</summary>
    public string AddressType { get; init; } = "IPv4";
    public IReadOnlyList<V1Endpoint> Endpoints { get; init; } = [];
    public IReadOnlyList<V1EndpointPort>? Ports { get; init; }
}

/// <summary>One backend.</summary>
public sealed record V1Endpoint : KubernetesModel
{
    public IReadOnlyList<string> Addresses { get; init; } = [];
    public V1EndpointConditions? Conditions { get; init; }
    public string? Hostname { get; init; }
    public string? NodeName { get; init; }
    public V1ObjectReference? TargetRef { get; init; }
}

/// <summary>What state a backend is in.</summary>
public sealed record V1EndpointConditions : KubernetesModel
{
    public bool? Ready { get; init; }
    public bool? Serving { get; init; }
    public bool? Terminating { get; init; }
}

/// <summary>A port of the backends.</summary>
public sealed record V1EndpointPort : KubernetesModel
{
    public string? Name { get; init; }
    public string? Protocol { get; init; }
    public int? Port { get; init; }
    public string? AppProtocol { get; init; }
}

/// <summary>A lock that leaders hold.</summary>
[KubernetesEntity(Group = "coordination.k8s.io", ApiVersion = "v1", Kind = "Lease", PluralName = "leases")]
public sealed record V1Lease : KubernetesObject
{
    public V1LeaseSpec? Spec { get; init; }
}

/// <summary>Who holds a lease, and since when.</summary>
public sealed record V1LeaseSpec : KubernetesModel
{
    public string? HolderIdentity { get; init; }
    public int? LeaseDurationSeconds { get; init; }

    [JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? AcquireTime { get; init; }

    [JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? RenewTime { get; init; }
    public int? LeaseTransitions { get; init; }
}

/// <summary>Which traffic may reach which pods.</summary>
[KubernetesEntity(Group = "networking.k8s.io", ApiVersion = "v1", Kind = "NetworkPolicy", PluralName = "networkpolicies")]
public sealed record V1NetworkPolicy : KubernetesObject
{
    public JsonElement? Spec { get; init; }
}

/// <summary>How many pods a voluntary disruption may take.</summary>
[KubernetesEntity(Group = "policy", ApiVersion = "v1", Kind = "PodDisruptionBudget", PluralName = "poddisruptionbudgets")]
public sealed record V1PodDisruptionBudget : KubernetesObject
{
    public V1PodDisruptionBudgetSpec? Spec { get; init; }
}

/// <summary>Bounds of a disruption budget.</summary>
public sealed record V1PodDisruptionBudgetSpec : KubernetesModel
{
    public IntOrString? MinAvailable { get; init; }
    public IntOrString? MaxUnavailable { get; init; }
    public V1LabelSelector? Selector { get; init; }
}

/// <summary>A custom resource definition; its schema stays a JSON tree.</summary>
[KubernetesEntity(Group = "apiextensions.k8s.io", ApiVersion = "v1", Kind = "CustomResourceDefinition", PluralName = "customresourcedefinitions", Namespaced = false)]
public sealed record V1CustomResourceDefinition : KubernetesObject
{
    public JsonElement? Spec { get; init; }
    public V1CustomResourceDefinitionStatus? Status { get; init; }
}

/// <summary>How far a definition has come.</summary>
public sealed record V1CustomResourceDefinitionStatus : KubernetesModel
{
    /// <summary><c>Established</c> says that the API serves it.</summary>
    public IReadOnlyList<V1Condition>? Conditions { get; init; }
}
