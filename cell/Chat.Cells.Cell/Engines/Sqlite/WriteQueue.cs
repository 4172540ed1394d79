using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>A write that waits for its transaction.</summary>
internal abstract class PendingWrite
{
    /// <summary>Makes the changes, in a transaction that others may share. May be called again after a rollback.</summary>
    public abstract void Apply(Database database);

    /// <summary>The transaction is durable.</summary>
    public abstract void Complete();

    public abstract void Fail(Exception error);
}

/// <summary>A write with a result.</summary>
internal sealed class PendingWrite<T>(Func<Database, T> apply) : PendingWrite
{
    private readonly TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T result = default!;

    public Task<T> Task => done.Task;

    public override void Apply(Database database) => result = apply(database);

    public override void Complete() => done.SetResult(result);

    public override void Fail(Exception error) => done.TrySetException(error);
}

/// <summary>Takes part in every transaction, on the writer's thread.</summary>
internal interface IWriteCompanion
{
    /// <summary>After the writes, before the commit. May be called again after a rollback.</summary>
    /// <param name="idle">There were no writes.</param>
    void BeforeCommit(Database database, bool idle);

    /// <summary>The transaction is durable; its writes are told after this.</summary>
    void Committed();

    /// <summary>Nothing of the transaction happened.</summary>
    void RolledBack();

    /// <summary>After the writes were told: nobody waits for what is done here but the next ones.</summary>
    void AfterCommit(Database database);

    /// <summary>After how long without a write it wants a transaction for itself; null: not at all.</summary>
    TimeSpan? IdleDelay { get; }
}

/// <summary>
/// The one thread that writes. It puts all writes that wait into one transaction, commits with one fsync, and completes them: group commit, as in the log.
/// </summary>
internal sealed partial class WriteQueue(Database database, int maxWrites, IWriteCompanion companion, ILogger logger)
{
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(5);

    private readonly object gate = new();
    private readonly List<PendingWrite> taken = [];
    private readonly TaskCompletionSource stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Queue<PendingWrite> waiting = new();
    private bool closing;
    private bool full;
    private bool idleFailed;
    private volatile Exception? failure;

    public void Start() => new Thread(Run) { Name = "SQLite writer", IsBackground = true }.Start();

    public Task<T> RunAsync<T>(Func<Database, T> apply)
    {
        var write = new PendingWrite<T>(apply);
        lock (gate)
        {
            if (failure is { } error) throw Failed(error);
            ObjectDisposedException.ThrowIf(closing, this);
            waiting.Enqueue(write);
            if (waiting.Count == 1) Monitor.Pulse(gate);
        }
        return write.Task;
    }

    /// <summary>Writes what waits, then ends the thread.</summary>
    public Task StopAsync()
    {
        lock (gate)
        {
            closing = true;
            Monitor.Pulse(gate);
        }
        return stopped.Task;
    }

    private void Run()
    {
        while (Take())
        {
            Commit(taken);
            taken.Clear();
        }
        stopped.SetResult();
    }

    /// <summary>Takes what waits; nothing when the companion has something to do meanwhile. False when all is done.</summary>
    private bool Take()
    {
        lock (gate)
        {
            while (waiting.Count == 0)
            {
                if (closing) return false;
                if (failure is not null || companion.IdleDelay is not { } delay) Monitor.Wait(gate);
                else if (!Monitor.Wait(gate, idleFailed ? AfterFailure : delay)) return true;
            }
            while (taken.Count < maxWrites && waiting.TryDequeue(out var write)) taken.Add(write);
            return true;
        }
    }

    private void Commit(List<PendingWrite> writes)
    {
        try
        {
            if (failure is { } earlier) throw Failed(earlier);
            database["BEGIN IMMEDIATE"].Execute();
            foreach (var write in writes) write.Apply(database);
            companion.BeforeCommit(database, idle: writes.Count == 0);
            database["COMMIT"].Execute();
            companion.Committed();
            idleFailed = false;
        }
        catch (Exception e)
        {
            RollBack();
            Refuse(writes, e);
            return;
        }
        if (full) LogRoomAgain();
        full = false;
        foreach (var write in writes) write.Complete();
        AfterCommit();
    }

    private void AfterCommit()
    {
        try
        {
            companion.AfterCommit(database);
        }
        catch (StoreException e)
        {
            Report(e);
        }
    }

    /// <summary>Something beside the transactions failed: when that leaves the file in doubt, no more writes are taken.</summary>
    public void Report(StoreException error)
    {
        if (StoreErrors.IsFatal(error))
        {
            failure ??= error;
            LogFailed(error);
        }
        else if (!StoreErrors.IsBusy(error) && error is not StoreFullException)
        {
            LogNotCopied(error);
        }
    }

    private void Refuse(List<PendingWrite> writes, Exception error)
    {
        idleFailed = writes.Count == 0;
        if (StoreErrors.IsFatal(error))
        {
            failure ??= error;
            LogFailed(error);
        }
        if (writes.Count > 1 && failure is null && error is not StoreFullException && !StoreErrors.IsBusy(error))
        {
            // One write of the group is at fault: only that one shall fail.
            foreach (var write in writes) Commit([write]);
            return;
        }
        if (error is not StoreFullException) LogRefused(error, writes.Count);
        else if (!full) LogFull(error.Message);
        full |= error is StoreFullException;
        foreach (var write in writes) write.Fail(error is StoreException ? error : new StoreException($"A write failed: {error.Message}", error));
    }

    private void RollBack()
    {
        companion.RolledBack();
        try
        {
            // SQLite rolls some failed transactions back by itself.
            if (database.InTransaction) database["ROLLBACK"].Execute();
        }
        catch (StoreException e)
        {
            failure ??= e;
            LogFailed(e);
        }
    }

    private static StoreException Failed(Exception error) => new($"The store's disk failed earlier ({error.Message}): writes are refused until the next start. Restart the cell.", error);

    [LoggerMessage(41, LogLevel.Critical, "The store refuses writes until the next start: the disk failed.")]
    private partial void LogFailed(Exception error);

    [LoggerMessage(43, LogLevel.Error, "{Reason}")]
    private partial void LogFull(string reason);

    [LoggerMessage(44, LogLevel.Information, "The store has space again: writes go on.")]
    private partial void LogRoomAgain();

    [LoggerMessage(45, LogLevel.Warning, "The store's log could not be copied into its file; it is tried again, and grows meanwhile.")]
    private partial void LogNotCopied(Exception error);

    [LoggerMessage(42, LogLevel.Error, "{Count} writes to the store failed.")]
    private partial void LogRefused(Exception error, int count);
}
