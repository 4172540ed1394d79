using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>
/// Keeps apart who may not share a store: a server with a journal has rows in memory that others would not see, so it needs the file for itself; servers without one share it.
/// The lock lies beside the file and ends with the process.
/// </summary>
internal static class StoreFileLock
{
    /// <summary>Holds the file until the result is disposed.</summary>
    /// <param name="path">The store.</param>
    /// <param name="alone">For itself; else beside others who share it.</param>
    /// <exception cref="StoreException">Somebody has it who can't share it, or it can't be locked.</exception>
    public static IDisposable Take(string path, bool alone)
    {
        var name = path + ".lock";
        try
        {
            return alone
                ? new FileStream(name, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None)
                : new FileStream(name, FileMode.OpenOrCreate, FileAccess.Read, FileShare.Read);
        }
        catch (IOException e)
        {
            var who = alone
                ? "another server has it open, and one with all roles, or with --log embedded, shares its data folder with nobody"
                : "a server with all roles, or with --log embedded, has it open, which shares its data folder with nobody";
            throw new StoreException($"The store {path} can't be opened: {who} ({e.Message}). Stop that one, choose another --data, or give each process some of the roles (--roles).", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StoreException($"The store {path} can't be opened: {e.Message}", e);
        }
    }
}
