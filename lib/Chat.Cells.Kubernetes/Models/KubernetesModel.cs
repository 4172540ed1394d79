using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat.Cells.Kubernetes.Models;

/// <summary>Base of every API type: fields that this library does not know are kept, so that read, modify, write loses nothing.</summary>
public abstract record KubernetesModel
{
    /// <summary>Fields of the object as served that have no property here; written back unchanged.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? UnknownFields { get; set; }
}

/// <summary>Any API object: it has a type and metadata.</summary>
public interface IKubernetesObject
{
    /// <summary>Group and version, such as <c>apps/v1</c>; <c>v1</c> for the core group.</summary>
    string? ApiVersion { get; }

    /// <summary>The kind, such as <c>StatefulSet</c>.</summary>
    string? Kind { get; }

    /// <summary>Name, namespace, labels and the rest.</summary>
    V1ObjectMeta Metadata { get; }
}

/// <summary>Base of typed API objects.</summary>
public abstract record KubernetesObject : KubernetesModel, IKubernetesObject
{
    protected KubernetesObject()
    {
        // A new object of a known type needs no ceremony; objects inside served lists lack both fields, so this fills them too.
        if (ResourceType.TryOf(GetType()) is { } type)
        {
            ApiVersion = type.ApiVersion;
            Kind = type.Kind;
        }
    }

    /// <inheritdoc/>
    [JsonPropertyOrder(-3)]
    public string? ApiVersion { get; init; }

    /// <inheritdoc/>
    [JsonPropertyOrder(-2)]
    public string? Kind { get; init; }

    /// <inheritdoc/>
    [JsonPropertyOrder(-1)]
    public V1ObjectMeta Metadata { get; init; } = new();
}

/// <summary>Name and namespace: what a work queue is keyed by. Cluster-scoped objects have no namespace.</summary>
public readonly record struct ObjectKey(string? Namespace, string Name)
{
    /// <summary>The key of an object.</summary>
    public static ObjectKey Of(IKubernetesObject value) => new(value.Metadata.Namespace, value.Metadata.Name ?? string.Empty);

    /// <inheritdoc/>
    public override string ToString() => Namespace is null ? Name : $"{Namespace}/{Name}";
}

/// <summary>Metadata of an API object (meta/v1 ObjectMeta).</summary>
public sealed record V1ObjectMeta : KubernetesModel
{
    public string? Name { get; init; }

    /// <summary>Prefix from which the server makes a name when <see cref="Name"/> is not given.</summary>
    public string? GenerateName { get; init; }
    public string? Namespace { get; init; }
    public string? Uid { get; init; }

    /// <summary>Opaque version for optimistic concurrency and watches.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>Grows with every change of the spec.</summary>
    public long? Generation { get; init; }
    public DateTimeOffset? CreationTimestamp { get; init; }

    /// <summary>Set by the server when deletion was asked for and finalizers still hold the object.</summary>
    public DateTimeOffset? DeletionTimestamp { get; init; }
    public long? DeletionGracePeriodSeconds { get; init; }
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }
    public IReadOnlyList<string>? Finalizers { get; init; }
    public IReadOnlyList<V1OwnerReference>? OwnerReferences { get; init; }
    public IReadOnlyList<V1ManagedFieldsEntry>? ManagedFields { get; init; }

    /// <summary>The label's value, or null.</summary>
    public string? Label(string key) => Labels is not null && Labels.TryGetValue(key, out var value) ? value : null;

    /// <summary>The annotation's value, or null.</summary>
    public string? Annotation(string key) => Annotations is not null && Annotations.TryGetValue(key, out var value) ? value : null;
}

/// <summary>A reference to the owner of an object; the garbage collector follows it.</summary>
public sealed record V1OwnerReference : KubernetesModel
{
    public required string ApiVersion { get; init; }
    public required string Kind { get; init; }
    public required string Name { get; init; }
    public required string Uid { get; init; }
    public bool? Controller { get; init; }
    public bool? BlockOwnerDeletion { get; init; }
}

/// <summary>Which manager set which fields.</summary>
public sealed record V1ManagedFieldsEntry : KubernetesModel
{
    public string? Manager { get; init; }
    public string? Operation { get; init; }
    public string? ApiVersion { get; init; }
    public string? Subresource { get; init; }
    public DateTimeOffset? Time { get; init; }
    public string? FieldsType { get; init; }
    public JsonElement? FieldsV1 { get; init; }
}

/// <summary>Metadata of a list.</summary>
public sealed record V1ListMeta : KubernetesModel
{
    public string? ResourceVersion { get; init; }

    /// <summary>Token for the next chunk; null or empty at the end.</summary>
    public string? Continue { get; init; }
    public long? RemainingItemCount { get; init; }
}

/// <summary>A list of objects as served.</summary>
public sealed record ResourceList<T> : KubernetesModel
{
    public string? ApiVersion { get; init; }
    public string? Kind { get; init; }
    public V1ListMeta Metadata { get; init; } = new();
    public IReadOnlyList<T> Items { get; init; } = [];
}

/// <summary>A condition in the shape that kstatus and kubectl wait read (meta/v1 Condition).</summary>
public sealed record V1Condition : KubernetesModel
{
    public required string Type { get; init; }

    /// <summary><c>True</c>, <c>False</c> or <c>Unknown</c>.</summary>
    public required string Status { get; init; }
    public long? ObservedGeneration { get; init; }
    public DateTimeOffset? LastTransitionTime { get; init; }

    /// <summary>One word in CamelCase.</summary>
    public string? Reason { get; init; }
    public string? Message { get; init; }
}

/// <summary>A selector by labels.</summary>
public sealed record V1LabelSelector : KubernetesModel
{
    public IReadOnlyDictionary<string, string>? MatchLabels { get; init; }
    public IReadOnlyList<V1LabelSelectorRequirement>? MatchExpressions { get; init; }
}

/// <summary>One expression of a label selector.</summary>
public sealed record V1LabelSelectorRequirement : KubernetesModel
{
    public required string Key { get; init; }

    /// <summary><c>In</c>, <c>NotIn</c>, <c>Exists</c> or <c>DoesNotExist</c>.</summary>
    public required string Operator { get; init; }
    public IReadOnlyList<string>? Values { get; init; }
}
