using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>The records between the polling thread and a processor: bounded by count and by bytes, so that one slow partition can't fill the memory. Thread-safe.</summary>
internal sealed class PumpBuffer
{
    /// <summary>The most records that a processor is given at once.</summary>
    public const int MaxBatch = 512;

    private const int HighWater = 2_048;
    private const int LowWater = 512;
    private const long HighWaterBytes = 16_000_000;
    private const long LowWaterBytes = 4_000_000;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _available = new(0);
    private List<LogRecord> _records = [];
    private long _bytes;
    private bool _paused;

    /// <summary>The lowest offset that it still takes.</summary>
    public long Expected { get; private set; }

    /// <summary>When the last record that it took was appended, Unix ms; null while it took none since it was (re)started.</summary>
    public long? LastTime { get; private set; }

    /// <summary>It is full, or was and isn't empty enough yet: nothing is fetched.</summary>
    public bool IsPaused
    {
        get
        {
            lock (_lock) return _paused;
        }
    }

    /// <summary>Takes a record. True when it is full and the partition must be paused; then nothing is said until <see cref="Take"/> has asked for a resume.</summary>
    public bool Add(LogRecord record)
    {
        lock (_lock)
        {
            // Left over from before a seek back.
            if (record.Offset < Expected) return false;
            Expected = record.Offset + 1;
            LastTime = record.AppendTime;
            _records.Add(record);
            _bytes += Size(record);
            if (_records.Count == 1) _available.Release();
            if (_paused || (_records.Count < HighWater && _bytes < HighWaterBytes)) return false;
            // Said here, not when the consumer is told: the processor might have emptied the buffer by then, and nobody would resume.
            _paused = true;
            return true;
        }
    }

    /// <summary>Completes when there may be records.</summary>
    public Task WaitAsync(CancellationToken cancellationToken) => _available.WaitAsync(cancellationToken);

    /// <summary>The next records, none when it is empty.</summary>
    /// <param name="most">At most so many.</param>
    /// <param name="resume">True when the partition was paused and has to be resumed now.</param>
    public IReadOnlyList<LogRecord> Take(int most, out bool resume)
    {
        lock (_lock)
        {
            List<LogRecord> batch;
            if (_records.Count <= most)
            {
                (batch, _records) = (_records, []);
                _bytes = 0;
            }
            else
            {
                batch = _records[..most];
                _records.RemoveRange(0, most);
                foreach (var record in batch) _bytes -= Size(record);
            }
            resume = _paused && _records.Count <= LowWater && _bytes <= LowWaterBytes;
            if (resume) _paused = false;
            return batch;
        }
    }

    /// <summary>Empties it; it goes on at another offset. True when the partition was paused and isn't any more.</summary>
    public bool Restart(long expected)
    {
        lock (_lock)
        {
            _records = [];
            _bytes = 0;
            Expected = expected;
            LastTime = null;
            var paused = _paused;
            _paused = false;
            return paused;
        }
    }

    private static int Size(LogRecord record) => record.Key.Length + record.Value.Length;
}
