namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>How the SQLite store behaves.</summary>
public sealed record SqliteStoreOptions
{
    /// <summary>The file's largest size; writes beyond it get <see cref="Ports.StoreFullException"/>. 0: as the disk allows.</summary>
    public long MaxBytes { get; init; }

    /// <summary>How long requests are kept, from their append time.</summary>
    public TimeSpan RequestMemory { get; init; } = Ports.RequestRow.KeptFor;

    /// <summary>
    /// Rows go to a journal first and are moved to their tables many at a time (see <see cref="RowJournal"/>): several times cheaper under load. Only for a file that no other
    /// process has open.
    /// </summary>
    public bool Journal { get; init; }

    /// <summary>How the journal works.</summary>
    internal RowJournalOptions JournalOptions { get; init; } = new();

    /// <summary>How a store with a journal copies SQLite's log.</summary>
    internal CheckpointOptions CheckpointOptions { get; init; } = new();

    /// <summary>Most writes of one transaction.</summary>
    public int MaxWritesPerTransaction { get; init; } = 512;
}
