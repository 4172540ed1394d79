namespace Chat.Cells.Cell.Messaging;

/// <summary>A record comes from a cell that this server's map does not have yet, though another server of the cell has it. Judging waits for the map: it is tried again.</summary>
public sealed class CellMapBehindException(string cell)
    : Exception($"A record comes from the cell {cell}, which is not in this server's cell map yet. Judging of its partition goes on when the map has arrived.");
