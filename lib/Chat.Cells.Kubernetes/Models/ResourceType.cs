using System.Collections.Concurrent;
using System.Reflection;

namespace Chat.Cells.Kubernetes.Models;

/// <summary>Says which API resource a C# type stands for (KubernetesClient's attribute).</summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class KubernetesEntityAttribute : Attribute
{
    /// <summary>API group; empty for the core group.</summary>
    public string Group { get; init; } = string.Empty;

    /// <summary>API version, such as <c>v1</c>.</summary>
    public required string ApiVersion { get; init; }

    /// <summary>The kind, such as <c>Pod</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Lower-case plural, as in paths: <c>pods</c>.</summary>
    public required string PluralName { get; init; }

    /// <summary>False for cluster-scoped kinds.</summary>
    public bool Namespaced { get; init; } = true;
}

/// <summary>An API resource: enough to make its paths.</summary>
/// <param name="Group">API group; empty for the core group.</param>
/// <param name="Version">API version, such as <c>v1</c>.</param>
/// <param name="Kind">The kind, such as <c>Pod</c>.</param>
/// <param name="Plural">Lower-case plural, as in paths.</param>
/// <param name="Namespaced">False for cluster-scoped kinds.</param>
public sealed record ResourceType(string Group, string Version, string Kind, string Plural, bool Namespaced)
{
    private static readonly ConcurrentDictionary<Type, ResourceType?> Known = new();

    /// <summary>The <c>apiVersion</c> field: <c>group/version</c>, or the version alone for the core group.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The resource that <typeparamref name="T"/> stands for.</summary>
    /// <exception cref="InvalidOperationException">The type has no <see cref="KubernetesEntityAttribute"/>.</exception>
    public static ResourceType Of<T>() => TryOf(typeof(T))
        ?? throw new InvalidOperationException($"{typeof(T).Name} has no [KubernetesEntity]: give the ResourceType.");

    /// <summary>The resource that a type stands for, or null.</summary>
    public static ResourceType? TryOf(Type type) => Known.GetOrAdd(type, static t =>
        t.GetCustomAttribute<KubernetesEntityAttribute>() is { } a ? new ResourceType(a.Group, a.ApiVersion, a.Kind, a.PluralName, a.Namespaced) : null);

    /// <summary>Path of the collection; over all namespaces when <paramref name="ns"/> is null.</summary>
    public string CollectionPath(string? ns)
    {
        var root = Group.Length == 0 ? $"api/{Version}" : $"apis/{Group}/{Version}";
        return Namespaced && !string.IsNullOrEmpty(ns) ? $"{root}/namespaces/{Uri.EscapeDataString(ns)}/{Plural}" : $"{root}/{Plural}";
    }

    /// <summary>Path of one object, or of a subresource of it.</summary>
    /// <exception cref="ArgumentException">A namespaced kind without namespace, or no name.</exception>
    public string ObjectPath(string? ns, string name, string? subresource = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (Namespaced && string.IsNullOrEmpty(ns))
        {
            throw new ArgumentException($"{Kind} is namespaced: a namespace is needed.", nameof(ns));
        }
        var path = $"{CollectionPath(ns)}/{Uri.EscapeDataString(name)}";
        return subresource is null ? path : $"{path}/{subresource}";
    }
}
