namespace Cassandra;

/// <summary>The times of the last one to two minutes, in buckets that grow by a tenth: a percentile is at most a tenth too high. Safe for any number of threads.</summary>
internal sealed class LatencyWindow(TimeProvider time)
{
    private const double Growth = 1.1;
    private const double SmallestMicroseconds = 50;

    // Up to 50 µs * 1.1^150: 80 s.
    private const int Buckets = 150;

    private static readonly TimeSpan Length = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private int[] _current = new int[Buckets];
    private int[] _previous = new int[Buckets];
    private long _begun = time.GetTimestamp();

    public void Record(TimeSpan took)
    {
        var bucket = took.TotalMicroseconds <= SmallestMicroseconds ? 0 : (int)Math.Ceiling(Math.Log(took.TotalMicroseconds / SmallestMicroseconds, Growth));
        lock (_lock)
        {
            Turn();
            _current[Math.Min(bucket, Buckets - 1)]++;
        }
    }

    /// <summary>Zero when nothing was recorded.</summary>
    public TimeSpan Percentile(double share)
    {
        lock (_lock)
        {
            Turn();
            long total = 0;
            for (var i = 0; i < Buckets; i++) total += _current[i] + _previous[i];
            if (total == 0) return TimeSpan.Zero;
            var wanted = (long)Math.Ceiling(total * share);
            long seen = 0;
            for (var i = 0; i < Buckets; i++)
            {
                seen += _current[i] + _previous[i];
                if (seen >= wanted) return TimeSpan.FromMicroseconds(SmallestMicroseconds * Math.Pow(Growth, i));
            }
            return TimeSpan.FromMicroseconds(SmallestMicroseconds * Math.Pow(Growth, Buckets - 1));
        }
    }

    private void Turn()
    {
        var elapsed = time.GetElapsedTime(_begun);
        if (elapsed < Length) return;
        (_previous, _current) = (_current, _previous);
        Array.Clear(_current);
        if (elapsed >= 2 * Length) Array.Clear(_previous);
        _begun = time.GetTimestamp();
    }
}
