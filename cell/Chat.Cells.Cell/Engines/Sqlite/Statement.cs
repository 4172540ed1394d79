using System.Text;
using Chat.Cells.Cell.Ports;
using SQLitePCL;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>
/// A prepared statement that is used again and again. It goes to SQLite directly: ADO.NET's parameters and readers would box every value and allocate on every call.
/// </summary>
internal sealed class Statement(sqlite3 database, sqlite3_stmt handle) : IDisposable
{
    private const int StackBytes = 256;

    public static Statement Prepare(sqlite3 database, string sql)
    {
        var code = raw.sqlite3_prepare_v2(database, sql, out var handle);
        if (code != raw.SQLITE_OK) throw StoreErrors.Create(database, code);
        return new Statement(database, handle);
    }

    public Statement Bind(int index, long value)
    {
        Check(raw.sqlite3_bind_int64(handle, index, value));
        return this;
    }

    public Statement Bind(int index, long? value) => value is { } known ? Bind(index, known) : BindNull(index);

    public Statement Bind(int index, string? value)
    {
        if (value is null) return BindNull(index);
        // An empty span would be bound as NULL.
        if (value.Length == 0 || value.Length > StackBytes / 3)
        {
            Check(raw.sqlite3_bind_text(handle, index, value));
            return this;
        }
        Span<byte> utf8 = stackalloc byte[StackBytes];
        var length = Encoding.UTF8.GetBytes(value, utf8);
        Check(raw.sqlite3_bind_text(handle, index, utf8[..length]));
        return this;
    }

    public Statement Bind(int index, ReadOnlySpan<byte> value)
    {
        Check(value.Length == 0 ? raw.sqlite3_bind_zeroblob(handle, index, 0) : raw.sqlite3_bind_blob(handle, index, value));
        return this;
    }

    public Statement Bind(int index, Ulid value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes);
        return Bind(index, bytes);
    }

    public Statement Bind(int index, Ulid? value) => value is { } known ? Bind(index, known) : BindNull(index);

    public Statement BindNull(int index)
    {
        Check(raw.sqlite3_bind_null(handle, index));
        return this;
    }

    /// <summary>Runs it to the end; how many rows it changed.</summary>
    public int Execute()
    {
        try
        {
            while (Step())
            {
                // A PRAGMA may return rows; nobody wants them.
            }
            return raw.sqlite3_changes(database);
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>The next row; false at the end. Call <see cref="Reset"/> when done.</summary>
    public bool Step()
    {
        var code = raw.sqlite3_step(handle);
        return code switch
        {
            raw.SQLITE_ROW => true,
            raw.SQLITE_DONE => false,
            _ => throw StoreErrors.Create(database, code),
        };
    }

    /// <summary>Makes it ready for the next use.</summary>
    public void Reset()
    {
        _ = raw.sqlite3_reset(handle); // repeats the error of the last step, which was thrown already
        _ = raw.sqlite3_clear_bindings(handle);
    }

    public bool IsNull(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL;

    public long Int64(int column) => raw.sqlite3_column_int64(handle, column);

    public int Int32(int column) => (int)Int64(column);

    public string Text(int column) => raw.sqlite3_column_text(handle, column).utf8_to_string();

    public string? OptionalText(int column) => IsNull(column) ? null : Text(column);

    public byte[] Bytes(int column) => raw.sqlite3_column_blob(handle, column).ToArray();

    public Ulid Ulid(int column) => new(raw.sqlite3_column_blob(handle, column));

    public Ulid? OptionalUlid(int column) => IsNull(column) ? null : Ulid(column);

    public void Dispose() => handle.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK) throw StoreErrors.Create(database, code);
    }
}

/// <summary>SQLite's result codes as the port's exceptions.</summary>
internal static class StoreErrors
{
    public static StoreException Create(sqlite3 database, int code)
    {
        var extended = raw.sqlite3_extended_errcode(database);
        var text = raw.sqlite3_errmsg(database).utf8_to_string();
        if (code == raw.SQLITE_FULL) return new StoreFullException("The store has no space left: nothing was written. Free some space; writes go on by themselves.");
        return new SqliteStoreException($"SQLite: {text} (code {extended}).", extended);
    }

    /// <summary>Another process has held the file's lock for too long.</summary>
    public static bool IsBusy(Exception error) => error is SqliteStoreException { Code: var code } && (code & 0xFF) is raw.SQLITE_BUSY;

    /// <summary>An fsync failed, or the file is damaged: nothing may be assumed of it any more.</summary>
    public static bool IsFatal(Exception error) =>
        error is SqliteStoreException { Code: var code } && (code is raw.SQLITE_IOERR_FSYNC or raw.SQLITE_IOERR_DIR_FSYNC || (code & 0xFF) is raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB);
}

/// <summary>A failure with SQLite's extended code.</summary>
internal sealed class SqliteStoreException(string message, int code) : StoreException(message)
{
    public int Code => code;
}
