using Chat.Cells.Cell.Engines.Files;
using Chat.Cells.Cell.Engines.Memory;
using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Hosting;

/// <summary>The engines behind the ports. Several servers of one cell may share them in one process (tests do); whoever opened them disposes them, after all servers have stopped.</summary>
public sealed record CellEngines(IMessageLog Log, IMessageStore Store, IAccountStore Accounts, ICellState State) : IAsyncDisposable
{
    /// <summary>Opens the embedded engines of one data folder; the memory engine's state begins empty.</summary>
    /// <exception cref="LogException">Another process has the folder, or it can't be used.</exception>
    /// <exception cref="StoreException">The store can't be opened.</exception>
    public static async Task<CellEngines> OpenEmbeddedAsync(string dataDirectory, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(dataDirectory);
        var log = await SegmentLog.OpenAsync(Path.Combine(dataDirectory, "log"), new SegmentLogOptions(), time, loggers.CreateLogger<SegmentLog>(), cancellationToken);
        try
        {
            var store = await SqliteStore.OpenAsync(Path.Combine(dataDirectory, "store.db"), new SqliteStoreOptions(), time, loggers.CreateLogger<SqliteStore>(), cancellationToken);
            return new CellEngines(log, store, store, new MemoryCellState(time));
        }
        catch (Exception)
        {
            await log.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Log.DisposeAsync();
        await Store.DisposeAsync();
        if (State is IAsyncDisposable state) await state.DisposeAsync();
    }
}
