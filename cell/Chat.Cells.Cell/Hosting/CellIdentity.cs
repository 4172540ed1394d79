namespace Chat.Cells.Cell.Hosting;

/// <summary>Who this server is.</summary>
/// <param name="Cell">The cell's name, an RFC 1123 label.</param>
/// <param name="Number">The cell's number, never used twice; message ids carry it.</param>
/// <param name="Region">The region's name.</param>
/// <param name="ServerId">This server's stable id within the cell: where verdicts and hints are published to.</param>
public sealed record CellIdentity(string Cell, ushort Number, string Region, string ServerId);
