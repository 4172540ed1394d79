using Chat.Cells.Cell.Ports;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>One connection with its prepared statements. Used by one thread at a time.</summary>
internal sealed class Database : IDisposable
{
    // By reference: the SQL texts are constants, so hashing their characters on every call would be waste.
    private readonly Dictionary<string, Statement> statements = new(ReferenceEqualityComparer.Instance);
    private readonly SqliteConnection connection;
    private readonly sqlite3 handle;

    private Database(SqliteConnection connection)
    {
        this.connection = connection;
        handle = connection.Handle ?? throw new StoreException("SQLite opened no connection.");
    }

    /// <exception cref="StoreException">The file can't be opened.</exception>
    public static Database Open(string path, bool readOnly)
    {
        var opening = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = readOnly ? SqliteOpenMode.ReadOnly : SqliteOpenMode.ReadWriteCreate,
            Pooling = false,
        }.ToString());
        try
        {
            opening.Open();
            return new Database(opening);
        }
        catch (SqliteException e)
        {
            opening.Dispose();
            throw new StoreException($"The store {path} can't be opened: {e.Message}", e);
        }
    }

    /// <summary>A constant statement, prepared at its first use.</summary>
    public Statement this[string sql]
    {
        get
        {
            if (statements.TryGetValue(sql, out var statement)) return statement;
            statement = Statement.Prepare(handle, sql);
            statements.Add(sql, statement);
            return statement;
        }
    }

    /// <summary>Runs SQL once: set-up and migrations.</summary>
    public void Execute(string sql)
    {
        var code = raw.sqlite3_exec(handle, sql);
        if (code != raw.SQLITE_OK) throw StoreErrors.Create(handle, code);
    }

    public long QueryInt64(string sql)
    {
        using var statement = Statement.Prepare(handle, sql);
        return statement.Step() ? statement.Int64(0) : 0;
    }

    /// <summary>How many pages the connection has written since it was asked last: to the log, when there is one.</summary>
    public int TakePagesWritten()
    {
        var code = raw.sqlite3_db_status(handle, raw.SQLITE_DBSTATUS_CACHE_WRITE, out var pages, out _, 1);
        return code == raw.SQLITE_OK ? pages : throw StoreErrors.Create(handle, code);
    }

    /// <summary>Copies what it can from the log into the file, without waiting for anybody: how many pages the log has, and how many of them are copied.</summary>
    public (int Log, int Copied) Checkpoint()
    {
        var code = raw.sqlite3_wal_checkpoint_v2(handle, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out var log, out var copied);
        return code == raw.SQLITE_OK ? (log, copied) : throw StoreErrors.Create(handle, code);
    }

    public bool InTransaction => raw.sqlite3_get_autocommit(handle) == 0;

    public void Dispose()
    {
        foreach (var statement in statements.Values) statement.Dispose();
        connection.Dispose();
    }
}
