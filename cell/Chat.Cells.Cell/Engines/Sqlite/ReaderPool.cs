using System.Collections.Concurrent;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Read-only connections that are used again. Reads run on the caller's thread: they are short, and nearly always from memory.</summary>
internal sealed class ReaderPool(string path) : IDisposable
{
    private const int Kept = 8;

    private readonly ConcurrentBag<Database> idle = [];
    private volatile bool disposed;

    public T Read<T, TState>(TState state, Func<Database, TState, T> read)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (!idle.TryTake(out var database))
        {
            database = Database.Open(path, readOnly: true);
            database.Execute("PRAGMA cache_size = -8000; PRAGMA busy_timeout = 10000;");
        }
        var healthy = false;
        try
        {
            var result = read(database, state);
            healthy = true;
            return result;
        }
        finally
        {
            if (healthy && !disposed && idle.Count < Kept) idle.Add(database);
            else database.Dispose();
        }
    }

    public void Dispose()
    {
        disposed = true;
        while (idle.TryTake(out var database)) database.Dispose();
    }
}
