using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>
/// The embedded <see cref="IMessageStore"/> and <see cref="IAccountStore"/>: one SQLite file (WAL, synchronous=FULL) whose tables mirror Cassandra's. One writer
/// thread shares transactions between all writes that wait; readers never wait for it. Several processes of one machine may open the same file,
/// if none of them has <see cref="SqliteStoreOptions.Journal"/>: nothing of it is then kept in memory, and their transactions take turns. One that has it is refused beside
/// others, and others beside it.
/// </summary>
public sealed partial class SqliteStore : IMessageStore, IAccountStore, IDurabilitySource
{
    private static readonly TimeSpan PurgeInterval = TimeSpan.FromMinutes(1);
    private const int PurgeStep = 500;
    private static readonly TimeSpan OpenBound = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan OpenRetry = TimeSpan.FromMilliseconds(50);

    private readonly SqliteStoreOptions options;
    private readonly TimeProvider time;
    private readonly IDisposable fileLock;
    private readonly Database writerDatabase;
    private readonly WriteQueue writer;
    private readonly ReaderPool readers;
    private readonly RowJournal? journal;
    private readonly Checkpoints? checkpoints;
    private readonly StoreFile? file;
    private long nextPurge;
    private int disposed;

    private SqliteStore(string path, IDisposable fileLock, SqliteStoreOptions options, TimeProvider time, ILogger logger)
    {
        this.fileLock = fileLock;
        this.options = options;
        this.time = time;
        writerDatabase = Database.Open(path, readOnly: false);
        Database? copying = null;
        try
        {
            writerDatabase.Execute("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000; PRAGMA cache_size = -32000;");
            Schema.Migrate(writerDatabase, path);
            RowJournal.Recover(writerDatabase);
            if (options.MaxBytes > 0) SetMaxBytes(writerDatabase, options.MaxBytes);
            // Who shares the file with other processes leaves this to SQLite.
            if (options.Journal)
            {
                file = new StoreFile(path);
                copying = OpenForCheckpoints(path);
            }
        }
        catch (StoreException)
        {
            copying?.Dispose();
            writerDatabase.Dispose();
            file?.Dispose();
            throw;
        }
        readers = new ReaderPool(path);
        journal = options.Journal ? new RowJournal(options.JournalOptions) : null;
        writer = new WriteQueue(writerDatabase, options.MaxWritesPerTransaction, new Companion(this), logger);
        checkpoints = copying is null ? null : new Checkpoints(copying, file!, options.CheckpointOptions, writer.Report);
        checkpoints?.Start();
        writer.Start();
    }

    /// <summary>Opens or creates the store, and brings it to the newest schema.</summary>
    /// <exception cref="StoreException">It can't be opened, is from a newer program, or somebody has it open who can't share it.</exception>
    public static async ValueTask<SqliteStore> OpenAsync(string path, SqliteStoreOptions options, TimeProvider time, ILogger<SqliteStore> logger, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await Task.Run(() => Open(path, options, time, logger), cancellationToken);
            }
            catch (SqliteStoreException e) when (StoreErrors.IsBusy(e) && time.GetElapsedTime(began) < OpenBound)
            {
                // Others are opening the new file too: SQLite doesn't always wait for the lock that changing the journal's mode takes.
                await Task.Delay(OpenRetry, time, cancellationToken);
            }
        }
    }

    private static SqliteStore Open(string path, SqliteStoreOptions options, TimeProvider time, ILogger logger)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var taken = StoreFileLock.Take(path, alone: options.Journal);
        try
        {
            return new SqliteStore(path, taken, options, time, logger);
        }
        catch (StoreException)
        {
            taken.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0) return;
        await writer.StopAsync();
        if (checkpoints is not null) await checkpoints.DisposeAsync();
        readers.Dispose();
        writerDatabase.Dispose();
        file?.Dispose();
        fileLock.Dispose();
    }

    private Database OpenForCheckpoints(string path)
    {
        writerDatabase.Execute("PRAGMA wal_autocheckpoint = 0");
        var database = Database.Open(path, readOnly: false);
        // Reads something: a connection that never did knows of no log.
        database.Execute("PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA user_version;");
        return database;
    }

    /// <summary>Changes the largest size while the store is open.</summary>
    internal Task SetMaxBytesAsync(long bytes) => writer.RunAsync(database =>
    {
        SetMaxBytes(database, bytes);
        return true;
    });

    /// <summary>SQLite's plan of a statement of this store, for tests that no read scans a table.</summary>
    internal IReadOnlyList<string> Explain(string sql) => readers.Read(sql, static (database, sql) =>
    {
        var steps = new List<string>();
        var statement = database["EXPLAIN QUERY PLAN " + sql];
        while (statement.Step()) steps.Add(statement.Text(3));
        statement.Reset();
        return steps;
    });

    /// <summary>What the writer's connection runs with: <c>synchronous</c> and <c>journal_mode</c>.</summary>
    internal Task<(long Synchronous, string Journal)> DurabilityAsync() => writer.RunAsync(static database =>
    {
        var pragma = database["PRAGMA journal_mode"];
        pragma.Step();
        var mode = pragma.Text(0);
        pragma.Reset();
        return (database.QueryInt64("PRAGMA synchronous"), mode);
    });

    public async Task<EngineDurability> ReadDurabilityAsync(CancellationToken cancellationToken)
    {
        var (synchronous, mode) = await DurabilityAsync().WaitAsync(cancellationToken);
        // 2 is FULL, 3 EXTRA: a commit waits for the disk. With NORMAL a write-ahead log loses its last commits when the power fails.
        return new EngineDurability("sqlite", synchronous >= 2 && mode is not ("memory" or "off"), FormattableString.Invariant($"journal_mode={mode}, synchronous={synchronous}"));
    }

    /// <summary>How many rows of each table are where they belong, and how many entries the journal has.</summary>
    internal Task<(long Messages, long Inbox, long Entries)> CountRowsAsync() => writer.RunAsync(static database => (
        database.QueryInt64("SELECT count(*) FROM messages"), database.QueryInt64("SELECT count(*) FROM user_inbox"), database.QueryInt64("SELECT count(*) FROM journal")));

    internal Task<long> CountRequestsAsync() => writer.RunAsync(static database => database.QueryInt64("SELECT count(*) FROM requests"));

    private static void SetMaxBytes(Database database, long bytes) =>
        database.QueryInt64(FormattableString.Invariant($"PRAGMA max_page_count = {Math.Max(1, bytes / database.QueryInt64("PRAGMA page_size"))}"));

    /// <summary>Forgets requests past their memory, a few at a time, beside other writes.</summary>
    private void PurgeRequests(Database database)
    {
        var now = time.GetTimestamp();
        if (now < nextPurge) return;
        // A little later than reads stop seeing them, so that the two never race.
        var before = time.GetUtcNow().ToUnixTimeMilliseconds() - (long)(options.RequestMemory + TimeSpan.FromHours(1)).TotalMilliseconds;
        var purged = database[Sql.PurgeRequests].Bind(1, before).Bind(2, PurgeStep).Execute();
        if (purged < PurgeStep) nextPurge = now + (long)(PurgeInterval.TotalSeconds * time.TimestampFrequency);
    }

    /// <summary>What goes along with every transaction: the journal and the purge.</summary>
    private sealed class Companion(SqliteStore store) : IWriteCompanion
    {
        private static readonly TimeSpan BeforeMoving = TimeSpan.FromSeconds(1);
        private static readonly TimeSpan WhileMoving = TimeSpan.FromMilliseconds(20);

        public TimeSpan? IdleDelay => store.journal switch
        {
            null or { HasRows: false } => null,
            { IsMoving: true } => WhileMoving,
            _ => BeforeMoving,
        };

        public void BeforeCommit(Database database, bool idle)
        {
            store.journal?.BeforeCommit(database, idle);
            store.PurgeRequests(database);
        }

        public void Committed() => store.journal?.Committed();

        public void RolledBack() => store.journal?.RolledBack();

        public void AfterCommit(Database database) => store.checkpoints?.AfterCommit(database);
    }
}
