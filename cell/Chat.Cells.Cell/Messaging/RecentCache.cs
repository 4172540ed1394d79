using System.Diagnostics.CodeAnalysis;

namespace Chat.Cells.Cell.Messaging;

/// <summary>
/// A bounded cache in two generations: a full young one becomes the old one, whose unused entries then go. An entry survives at least <paramref name="capacity"/>
/// insertions after its last use; at most twice that many are held. Not thread-safe.
/// </summary>
public sealed class RecentCache<TKey, TValue>(int capacity)
    where TKey : notnull
{
    private Dictionary<TKey, TValue> young = [];
    private Dictionary<TKey, TValue> old = [];

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (young.TryGetValue(key, out value)) return true;
        if (!old.Remove(key, out value)) return false;
        Set(key, value);
        return true;
    }

    public void Set(TKey key, TValue value)
    {
        old.Remove(key);
        young[key] = value;
        if (young.Count < capacity) return;
        old = young;
        young = new Dictionary<TKey, TValue>(capacity);
    }
}
