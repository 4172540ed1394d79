namespace Chat.Cells.Cell.Engines.Memory;

/// <summary>A value for each of a few servers, nearly always of one: a dictionary for each user would be most of what a user without messages costs here. Not thread-safe.</summary>
internal struct ByServer<T>
{
    private (string Server, T Value)[]? items;

    /// <summary>Not to be kept over a change.</summary>
    public readonly ReadOnlySpan<(string Server, T Value)> Items => items;

    public void Set(string server, T value)
    {
        var known = items ?? [];
        for (var i = 0; i < known.Length; i++)
        {
            if (!string.Equals(known[i].Server, server, StringComparison.Ordinal)) continue;
            known[i].Value = value;
            return;
        }
        items = [.. known, (server, value)];
    }

    public void Remove(string server) => RemoveAll(server, static (item, removed) => string.Equals(item.Server, removed, StringComparison.Ordinal));

    public void RemoveAll<TState>(TState state, Func<(string Server, T Value), TState, bool> isRemoved)
    {
        if (items is null) return;
        var kept = 0;
        foreach (var item in items)
        {
            if (!isRemoved(item, state)) kept++;
        }
        if (kept == items.Length) return;
        if (kept == 0)
        {
            items = null;
            return;
        }
        var left = new (string, T)[kept];
        foreach (var item in items)
        {
            if (!isRemoved(item, state)) left[^kept--] = item;
        }
        items = left;
    }
}
