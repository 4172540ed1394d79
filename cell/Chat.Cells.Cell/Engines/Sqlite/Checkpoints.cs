using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>
/// Copies SQLite's log into the file on a thread and a connection of its own. SQLite would do it within a commit, and every write would wait until thousands of pages are
/// written and on the disk. Beside writes it is never quite done: what they add meanwhile is left. So when little is left the writer does the rest, between two transactions, and the
/// log begins anew instead of growing.
/// </summary>
internal sealed class Checkpoints(Database database, StoreFile file, CheckpointOptions options, Action<StoreException> failed) : IAsyncDisposable
{
    private const int Passes = 3;

    private readonly object gate = new();
    private readonly TaskCompletionSource stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int written;
    private bool closing;
    private volatile bool restartIsDue;

    public void Start() => new Thread(Run) { Name = "SQLite checkpoints", IsBackground = true }.Start();

    /// <summary>The writer's thread, between two transactions.</summary>
    /// <exception cref="StoreException">The rest could not be copied.</exception>
    public void AfterCommit(Database writer)
    {
        var pages = writer.TakePagesWritten();
        var isDue = restartIsDue;
        try
        {
            if (isDue) writer.Checkpoint();
        }
        finally
        {
            lock (gate)
            {
                if (isDue) restartIsDue = false;
                written += pages;
                if (written >= options.PagesPerPass) Monitor.Pulse(gate);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            closing = true;
            Monitor.Pulse(gate);
        }
        await stopped.Task;
        database.Dispose();
    }

    private void Run()
    {
        while (WaitForPages())
        {
            try
            {
                Copy();
            }
            catch (StoreException e)
            {
                failed(e);
            }
        }
        stopped.SetResult();
    }

    private bool WaitForPages()
    {
        lock (gate)
        {
            // Not while the writer is to do the rest: only one at a time can.
            while ((written < options.PagesPerPass || restartIsDue) && !closing) Monitor.Wait(gate);
            written = 0;
            return !closing;
        }
    }

    /// <summary>Each pass leaves what came during it: the next one is shorter, and leaves less.</summary>
    private void Copy()
    {
        var (log, copied) = database.Checkpoint();
        for (var pass = 1; pass < Passes && log - copied > options.FewPages; pass++) (log, copied) = database.Checkpoint();
        // SQLite flushes the file when the last page has been copied, which the writer does: nearly all of it is on the disk by then.
        file.Flush();
        restartIsDue = log >= options.PagesToRestart;
    }
}

/// <summary>When SQLite's log is copied.</summary>
/// <param name="PagesPerPass">After so many pages of it.</param>
/// <param name="PagesToRestart">From so many pages on (32 MB) it is to begin anew.</param>
/// <param name="FewPages">So many the writer may copy itself.</param>
internal sealed record CheckpointOptions(int PagesPerPass = 2_000, int PagesToRestart = 8_000, int FewPages = 32);
