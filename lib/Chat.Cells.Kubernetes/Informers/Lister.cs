using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Kubernetes.Informers;

/// <summary>
/// The read side of an informer's cache. Objects are shared: never change one that came from here. Thread-safe; what it answers may be a
/// moment behind the server.
/// </summary>
public sealed class Lister<T>
    where T : class, IKubernetesObject
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ObjectKey, T> _objects = [];
    private readonly Dictionary<string, Index> _indices = [];

    /// <summary>How many objects the cache holds.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _objects.Count;
            }
        }
    }

    /// <summary>An object, or null.</summary>
    public T? Get(string? ns, string name) => Get(new ObjectKey(ns, name));

    /// <summary>An object, or null.</summary>
    public T? Get(ObjectKey key)
    {
        lock (_lock)
        {
            return _objects.GetValueOrDefault(key);
        }
    }

    /// <summary>All objects, or those of a namespace, in no order.</summary>
    public IReadOnlyList<T> List(string? ns = null)
    {
        lock (_lock)
        {
            return ns is null ? [.. _objects.Values] : [.. _objects.Where(o => o.Key.Namespace == ns).Select(o => o.Value)];
        }
    }

    /// <summary>The objects that an index files under a value.</summary>
    /// <exception cref="KeyNotFoundException">There is no such index.</exception>
    public IReadOnlyList<T> ByIndex(string index, string value)
    {
        lock (_lock)
        {
            return _indices[index].Entries.TryGetValue(value, out var keys) ? [.. keys.Select(k => _objects[k])] : [];
        }
    }

    /// <summary>Adds an index; objects already there are filed.</summary>
    public void AddIndex(string name, Func<T, IEnumerable<string>> values)
    {
        lock (_lock)
        {
            var index = new Index(values);
            foreach (var (key, value) in _objects)
            {
                index.Add(key, value);
            }
            _indices.Add(name, index);
        }
    }

    internal T? Set(T value)
    {
        var key = ObjectKey.Of(value);
        lock (_lock)
        {
            var old = _objects.GetValueOrDefault(key);
            foreach (var index in _indices.Values)
            {
                if (old is not null)
                {
                    index.Remove(key, old);
                }
                index.Add(key, value);
            }
            _objects[key] = value;
            return old;
        }
    }

    internal T? Remove(ObjectKey key)
    {
        lock (_lock)
        {
            if (!_objects.Remove(key, out var old))
            {
                return null;
            }
            foreach (var index in _indices.Values)
            {
                index.Remove(key, old);
            }
            return old;
        }
    }

    private sealed class Index(Func<T, IEnumerable<string>> values)
    {
        public Dictionary<string, HashSet<ObjectKey>> Entries { get; } = [];

        public void Add(ObjectKey key, T value)
        {
            foreach (var entry in values(value))
            {
                if (!Entries.TryGetValue(entry, out var keys))
                {
                    Entries[entry] = keys = [];
                }
                keys.Add(key);
            }
        }

        public void Remove(ObjectKey key, T value)
        {
            foreach (var entry in values(value))
            {
                if (Entries.TryGetValue(entry, out var keys) && keys.Remove(key) && keys.Count == 0)
                {
                    Entries.Remove(entry);
                }
            }
        }
    }
}
