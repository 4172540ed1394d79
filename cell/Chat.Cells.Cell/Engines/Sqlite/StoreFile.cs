using Chat.Cells.Cell.Ports;
using Microsoft.Win32.SafeHandles;
using SQLitePCL;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>
/// The store's file, beside SQLite's own handles of it: to make durable what a checkpoint has copied so far. SQLite does that only with the last page, and then whoever copies that one
/// waits for all of them. Closing any handle of a file ends all locks that the process has on it (POSIX), so this one is closed after the last connection.
/// </summary>
internal sealed class StoreFile : IDisposable
{
    private readonly string path;
    private readonly SafeFileHandle handle;

    /// <exception cref="StoreException">It can't be opened.</exception>
    public StoreFile(string path)
    {
        this.path = path;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"The store {path} can't be opened: {e.Message}", e);
        }
    }

    /// <exception cref="StoreException">The disk failed; what was copied since the last flush may not be there.</exception>
    public void Flush()
    {
        try
        {
            RandomAccess.FlushToDisk(handle);
        }
        catch (IOException e)
        {
            throw new SqliteStoreException($"The store {path} could not be made durable: {e.Message}", raw.SQLITE_IOERR_FSYNC);
        }
    }

    public void Dispose() => handle.Dispose();
}
