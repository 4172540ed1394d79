namespace Chat.Cells.LocalCluster.ApiServer.Storage;

/// <summary>The objects at one version.</summary>
/// <param name="Version">The version of the last write in it.</param>
/// <param name="Objects">All objects.</param>
public readonly record struct StoreSnapshot(long Version, ObjectIndex Objects);

/// <summary>One read-modify-write. Reads see its own writes.</summary>
public sealed class StoreTransaction
{
    private readonly List<ObjectChange> _changes = [];

    internal StoreTransaction(ObjectIndex objects, long version)
    {
        Objects = objects;
        Version = version;
    }

    /// <summary>When set, the body runs to its end and nothing is kept.</summary>
    public bool IsDryRun { get; set; }

    /// <summary>The objects, with the writes of this transaction.</summary>
    public ObjectIndex Objects { get; private set; }

    internal long Version { get; private set; }

    internal IReadOnlyList<ObjectChange> Changes => _changes;

    /// <summary>One object, or null.</summary>
    public StoredObject? Get(ObjectKey key) => Objects.Get(key);

    /// <summary>Creates or replaces an object under the next version.</summary>
    public StoredObject Put(ObjectKey key, JsonObject value)
    {
        var previous = Get(key);
        var stored = StoredObject.Create(key, ++Version, value);
        Objects = Objects.With(stored);
        _changes.Add(new ObjectChange(previous is null ? ChangeKind.Added : ChangeKind.Modified, stored, previous));
        return stored;
    }

    /// <summary>Removes an object; its last state gets the version of the removal.</summary>
    public StoredObject Delete(ObjectKey key)
    {
        var previous = Get(key) ?? throw new InvalidOperationException($"{key} is not there");
        var last = StoredObject.Create(key, ++Version, previous.Parse());
        Objects = Objects.Without(key);
        _changes.Add(new ObjectChange(ChangeKind.Deleted, last, previous));
        return last;
    }
}
