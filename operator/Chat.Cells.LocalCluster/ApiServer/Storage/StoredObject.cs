namespace Chat.Cells.LocalCluster.ApiServer.Storage;

/// <summary>Where an object lives: its resource (group and plural), namespace ("" for cluster-scoped kinds) and name.</summary>
/// <param name="Resource">Plural and group as in <c>statefulsets.apps</c>; core kinds have no dot.</param>
public readonly record struct ObjectKey(string Resource, string Namespace, string Name) : IComparable<ObjectKey>
{
    /// <summary>Ordinal order by resource, namespace, name: the order of lists.</summary>
    public int CompareTo(ObjectKey other)
    {
        var byResource = string.CompareOrdinal(Resource, other.Resource);
        if (byResource != 0)
        {
            return byResource;
        }

        var byNamespace = string.CompareOrdinal(Namespace, other.Namespace);
        return byNamespace != 0 ? byNamespace : string.CompareOrdinal(Name, other.Name);
    }

    /// <summary>Whether one key sorts before the other.</summary>
    public static bool operator <(ObjectKey left, ObjectKey right) => left.CompareTo(right) < 0;

    /// <summary>Whether one key sorts after the other.</summary>
    public static bool operator >(ObjectKey left, ObjectKey right) => left.CompareTo(right) > 0;

    /// <summary>Whether one key does not sort after the other.</summary>
    public static bool operator <=(ObjectKey left, ObjectKey right) => left.CompareTo(right) <= 0;

    /// <summary>Whether one key does not sort before the other.</summary>
    public static bool operator >=(ObjectKey left, ObjectKey right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public override string ToString() => $"{Resource}/{Namespace}/{Name}";
}

/// <summary>
/// One version of one object. It is immutable: the encoded bytes are the truth, the other members are what selectors and the garbage collector ask for often.
/// Every reader parses its own copy, so no node tree is ever shared between requests.
/// </summary>
public sealed class StoredObject
{
    private StoredObject(ObjectKey key, long resourceVersion, byte[] json, JsonObject parsed)
    {
        Key = key;
        ResourceVersion = resourceVersion;
        Json = json;
        var metadata = parsed["metadata"] as JsonObject;
        Uid = (string?)metadata?["uid"] ?? "";
        IsDeleting = metadata?["deletionTimestamp"] is not null;
        Labels = metadata?["labels"] is JsonObject labels
            ? labels.ToDictionary(l => l.Key, l => (string?)l.Value ?? "", StringComparer.Ordinal)
            : [];
        Owners = metadata?["ownerReferences"] is JsonArray owners
            ? [.. owners.OfType<JsonObject>().Select(o => (string?)o["uid"] ?? "")]
            : [];
        ApiVersion = (string?)parsed["apiVersion"] ?? "";
    }

    /// <summary>Where the object lives.</summary>
    public ObjectKey Key { get; }

    /// <summary>The global counter at the write that made this version.</summary>
    public long ResourceVersion { get; }

    /// <summary>UTF-8 JSON with <c>metadata.resourceVersion</c> set.</summary>
    public byte[] Json { get; }

    /// <summary><c>metadata.uid</c>.</summary>
    public string Uid { get; }

    /// <summary>The apiVersion that the object is stored in.</summary>
    public string ApiVersion { get; }

    /// <summary>Whether <c>metadata.deletionTimestamp</c> is set.</summary>
    public bool IsDeleting { get; }

    /// <summary><c>metadata.labels</c>.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; }

    /// <summary>The uids in <c>metadata.ownerReferences</c>.</summary>
    public IReadOnlyList<string> Owners { get; }

    /// <summary>Stamps the version on the object and encodes it.</summary>
    public static StoredObject Create(ObjectKey key, long resourceVersion, JsonObject value)
    {
        var metadata = value.Child("metadata");
        metadata["resourceVersion"] = resourceVersion.ToString();
        return new StoredObject(key, resourceVersion, JsonSerializer.SerializeToUtf8Bytes(value, JsonText.Options), value);
    }

    /// <summary>Restores an object from its encoded form.</summary>
    public static StoredObject Restore(ObjectKey key, long resourceVersion, byte[] json) =>
        new(key, resourceVersion, json, JsonText.Parse(json));

    /// <summary>A fresh, mutable copy.</summary>
    public JsonObject Parse() => JsonText.Parse(Json);
}

/// <summary>What happened to an object.</summary>
public enum ChangeKind
{
    /// <summary>The object appeared.</summary>
    Added,

    /// <summary>The object changed.</summary>
    Modified,

    /// <summary>The object is gone; the event carries its last state, stamped with the version of the deletion.</summary>
    Deleted,
}

/// <summary>One write, as watchers see it.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Object">The new state (for a deletion the last one, with the deletion's version).</param>
/// <param name="Previous">The state before; null for an addition.</param>
public sealed record ObjectChange(ChangeKind Kind, StoredObject Object, StoredObject? Previous)
{
    /// <summary>The version of this write.</summary>
    public long ResourceVersion => Object.ResourceVersion;
}
