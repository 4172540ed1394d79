namespace Chat.Cells.LocalCluster.ApiServer.Storage;

/// <summary>
/// The last changes, in version order, in a ring. A watch reads on from its version; one that has fallen behind the ring has to list again (410 Gone). The previous
/// states in it also let a chunked list go on reading at the version where it began.
/// </summary>
public sealed class ChangeWindow
{
    private readonly Lock _gate = new();
    private readonly ObjectChange[] _ring;
    private long _count;
    private long _start;
    private TaskCompletionSource _wake = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Makes a window of <paramref name="size"/> changes.</summary>
    public ChangeWindow(int size) => _ring = new ObjectChange[size];

    /// <summary>The oldest version from which a watch can still go on without missing a change.</summary>
    public long Oldest
    {
        get
        {
            lock (_gate)
            {
                return OldestLocked();
            }
        }
    }

    internal void Start(long version)
    {
        lock (_gate)
        {
            _start = version;
        }
    }

    internal void Add(ObjectChange change)
    {
        lock (_gate)
        {
            _ring[_count++ % _ring.Length] = change;
        }
    }

    internal void Wake()
    {
        TaskCompletionSource waiting;
        lock (_gate)
        {
            waiting = _wake;
            _wake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        waiting.SetResult();
    }

    /// <summary>The changes after a version, and a task that ends at the next one.</summary>
    /// <returns>False when changes after <paramref name="version"/> have already left the window.</returns>
    public bool TryRead(long version, List<ObjectChange> into, out Task next)
    {
        lock (_gate)
        {
            next = _wake.Task;
            if (version < OldestLocked())
            {
                return false;
            }

            var kept = Math.Min(_count, _ring.Length);
            var first = _count;
            while (first > _count - kept && _ring[(first - 1) % _ring.Length].ResourceVersion > version)
            {
                first--;
            }

            for (var i = first; i < _count; i++)
            {
                into.Add(_ring[i % _ring.Length]);
            }

            return true;
        }
    }

    /// <summary>Takes the changes after <paramref name="version"/> back out of a snapshot.</summary>
    /// <returns>The objects as they were, or null when the window does not reach back that far.</returns>
    public ObjectIndex? Rewind(StoreSnapshot snapshot, long version)
    {
        var changes = new List<ObjectChange>();
        if (!TryRead(version, changes, out _))
        {
            return null;
        }

        var objects = snapshot.Objects;
        for (var i = changes.Count - 1; i >= 0; i--)
        {
            if (changes[i].ResourceVersion <= snapshot.Version)
            {
                objects = changes[i].Previous is { } previous ? objects.With(previous) : objects.Without(changes[i].Object.Key);
            }
        }

        return objects;
    }

    private long OldestLocked() => _count <= _ring.Length ? _start : _ring[_count % _ring.Length].ResourceVersion;
}
