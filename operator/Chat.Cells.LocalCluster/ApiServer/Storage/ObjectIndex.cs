using System.Collections.Immutable;

namespace Chat.Cells.LocalCluster.ApiServer.Storage;

/// <summary>The objects of one instant, by resource and then in key order. Immutable: a change makes a new index that shares almost everything.</summary>
public sealed class ObjectIndex
{
    private readonly ImmutableSortedDictionary<string, ImmutableSortedDictionary<ObjectKey, StoredObject>> _byResource;

    private ObjectIndex(ImmutableSortedDictionary<string, ImmutableSortedDictionary<ObjectKey, StoredObject>> byResource) => _byResource = byResource;

    /// <summary>No objects.</summary>
    public static ObjectIndex Empty { get; } =
        new(ImmutableSortedDictionary.Create<string, ImmutableSortedDictionary<ObjectKey, StoredObject>>(StringComparer.Ordinal));

    /// <summary>Every object, by resource and key.</summary>
    public IEnumerable<StoredObject> All => _byResource.Values.SelectMany(r => r.Values);

    /// <summary>One object, or null.</summary>
    public StoredObject? Get(ObjectKey key) => _byResource.GetValueOrDefault(key.Resource)?.GetValueOrDefault(key);

    /// <summary>The objects of a resource in key order, of one namespace or of all when <paramref name="ns"/> is empty.</summary>
    public IEnumerable<StoredObject> List(string resource, string ns = "")
    {
        var objects = _byResource.GetValueOrDefault(resource);
        if (objects is null)
        {
            return [];
        }

        return ns.Length == 0 ? objects.Values : objects.Values.Where(o => string.Equals(o.Key.Namespace, ns, StringComparison.Ordinal));
    }

    /// <summary>The index with one object put in place.</summary>
    public ObjectIndex With(StoredObject value)
    {
        var objects = _byResource.GetValueOrDefault(value.Key.Resource) ?? ImmutableSortedDictionary<ObjectKey, StoredObject>.Empty;
        return new(_byResource.SetItem(value.Key.Resource, objects.SetItem(value.Key, value)));
    }

    /// <summary>The index without one object.</summary>
    public ObjectIndex Without(ObjectKey key) =>
        _byResource.GetValueOrDefault(key.Resource) is { } objects ? new(_byResource.SetItem(key.Resource, objects.Remove(key))) : this;
}
