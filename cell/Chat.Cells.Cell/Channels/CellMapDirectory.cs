using System.Diagnostics.CodeAnalysis;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Channels;

/// <summary>The cell directory as the current cell map has it.</summary>
/// <param name="map">The map in use (for example <see cref="CellMapWatcher.Current"/>); while it gives null every question is an error, because without a map nothing can be judged.</param>
public sealed class CellMapDirectory(string cell, ushort number, Func<CellMap?> map) : ICellDirectory
{
    private volatile Tuple<CellMap, IReadOnlyList<string>>? peersOf;

    /// <inheritdoc/>
    public string CellName => cell;

    /// <inheritdoc/>
    public ushort CellNumber => number;

    /// <inheritdoc/>
    public IReadOnlyList<string> Peers
    {
        get
        {
            var current = Current;
            if (peersOf is { } known && ReferenceEquals(known.Item1, current)) return known.Item2;
            IReadOnlyList<string> peers = [.. current.Cells.Where(c => c.Name != cell).Select(c => c.Name)];
            peersOf = Tuple.Create(current, peers);
            return peers;
        }
    }

    /// <inheritdoc/>
    public bool TryGetHome(string userId, [NotNullWhen(true)] out string? home)
    {
        home = Current.HomeOf(userId)?.Name;
        return home is not null;
    }

    /// <inheritdoc/>
    public bool TryGetNumber(string name, out ushort found)
    {
        found = 0;
        if (!Current.Numbers.TryGetValue(name, out var known)) return false;
        found = (ushort)known;
        return true;
    }

    private CellMap Current => map() ?? throw new InvalidOperationException("There is no cell map yet.");
}
