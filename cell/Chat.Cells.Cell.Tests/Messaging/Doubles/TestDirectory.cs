using System.Diagnostics.CodeAnalysis;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>Two cells, a (number 1) and b (number 2), and perhaps a new one, c; a user lives in the cell that its id begins with.</summary>
internal sealed class TestDirectory(string cell) : ICellDirectory
{
    public string CellName => cell;

    public ushort CellNumber => (ushort)(cell == "a" ? 1 : 2);

    /// <summary>The cell map that has c as number 3 has arrived.</summary>
    public bool KnowsC { get; set; }

    public IReadOnlyList<string> Peers => cell == "a" ? ["b"] : ["a"];

    public bool TryGetHome(string userId, [NotNullWhen(true)] out string? home)
    {
        home = userId.StartsWith("a.", StringComparison.Ordinal) ? "a" : userId.StartsWith("b.", StringComparison.Ordinal) ? "b"
            : KnowsC && userId.StartsWith("c.", StringComparison.Ordinal) ? "c" : null;
        return home is not null;
    }

    public bool TryGetNumber(string name, out ushort number)
    {
        number = (ushort)(name == "a" ? 1 : name == "b" ? 2 : 3);
        return name is "a" or "b" || (KnowsC && name == "c");
    }
}
