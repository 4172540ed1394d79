using System.Diagnostics.CodeAnalysis;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>Two cells, a (number 1) and b (number 2); a user lives in the cell that its id begins with.</summary>
internal sealed class TestDirectory(string cell) : ICellDirectory
{
    public string CellName => cell;

    public ushort CellNumber => (ushort)(cell == "a" ? 1 : 2);

    public IReadOnlyList<string> Peers => cell == "a" ? ["b"] : ["a"];

    public bool TryGetHome(string userId, [NotNullWhen(true)] out string? home)
    {
        home = userId.StartsWith("a.", StringComparison.Ordinal) ? "a" : userId.StartsWith("b.", StringComparison.Ordinal) ? "b" : null;
        return home is not null;
    }

    public bool TryGetNumber(string name, out ushort number)
    {
        number = (ushort)(name == "a" ? 1 : 2);
        return name is "a" or "b";
    }
}
