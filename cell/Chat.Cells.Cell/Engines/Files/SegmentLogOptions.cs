namespace Chat.Cells.Cell.Engines.Files;

/// <summary>How a segment log behaves; the defaults fit a cell on one disk.</summary>
public sealed record SegmentLogOptions
{
    /// <summary>A segment that has reached this many bytes is closed and the next one begun.</summary>
    public int SegmentBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Recent records kept in memory, so that consumers at the end don't read the disk.</summary>
    public int CacheBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>The largest record, key and value together.</summary>
    public int MaxRecordBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Appends beyond this many bytes waiting for the disk are refused with <see cref="Ports.LogFullException"/>.</summary>
    public int MaxWaitingBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Most records of one batch to a processor.</summary>
    public int MaxBatchRecords { get; init; } = 512;

    /// <summary>A batch to a processor ends with the record that reaches this many bytes.</summary>
    public int MaxBatchBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>How long a commit may wait before it is written; with appends going on it waits for the next of those.</summary>
    public TimeSpan CommitDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>First pause after a processor failed; doubles up to <see cref="MaxBackOff"/>.</summary>
    public TimeSpan MinBackOff { get; init; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan MaxBackOff { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often segments past their retention are looked for.</summary>
    public TimeSpan RetentionInterval { get; init; } = TimeSpan.FromMinutes(1);
}
