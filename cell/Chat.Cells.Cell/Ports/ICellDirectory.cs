using System.Diagnostics.CodeAnalysis;

namespace Chat.Cells.Cell.Ports;

/// <summary>This cell's place in the cell map, and who lives where. Answers come from memory and may change between calls when a newer map arrives.</summary>
public interface ICellDirectory
{
    /// <summary>This cell's name.</summary>
    string CellName { get; }

    /// <summary>This cell's number.</summary>
    ushort CellNumber { get; }

    /// <summary>The name of the cell where a user lives; false for what isn't a user id, or where the map does not know the cell.</summary>
    bool TryGetHome(string userId, [NotNullWhen(true)] out string? cell);

    /// <summary>The number of a cell that exists or existed.</summary>
    bool TryGetNumber(string cell, out ushort number);

    /// <summary>The names of all cells of the map but this one.</summary>
    IReadOnlyList<string> Peers { get; }
}
