using System.Numerics;

namespace Chat.Cells.Bench.Measure;

/// <summary>
/// Latencies in microseconds, from 0 to an hour, counted in buckets of at most 1/64 of their value (as HdrHistogram does): adding one costs an increment, whatever it is. One thread.
/// </summary>
public sealed class Histogram
{
    private const int SubBits = 7;
    private const int Half = 1 << (SubBits - 1);
    private const long Highest = 3_600_000_000;
    private readonly long[] counts = new long[IndexOf(Highest) + 1];

    /// <summary>How many were added.</summary>
    public long Count { get; private set; }

    /// <summary>The exact highest, µs.</summary>
    public long Max { get; private set; }

    public void Add(long microseconds)
    {
        var value = Math.Clamp(microseconds, 0, Highest);
        counts[IndexOf(value)]++;
        Count++;
        if (value > Max) Max = value;
    }

    /// <summary>The value that this share of all is at or below (nearest rank; the upper end of its bucket), in ms. Zero when nothing was added.</summary>
    public double Percentile(double percent)
    {
        if (Count == 0) return 0;
        var rank = Math.Max(1, (long)Math.Ceiling(percent / 100 * Count));
        var seen = 0L;
        for (var i = 0; i < counts.Length; i++)
        {
            seen += counts[i];
            if (seen >= rank) return Math.Min(UpperEnd(i), Max) / 1000.0;
        }
        return Max / 1000.0;
    }

    public void Clear()
    {
        Array.Clear(counts);
        Count = 0;
        Max = 0;
    }

    private static int IndexOf(long value)
    {
        var shift = Math.Max(0, 64 - SubBits - BitOperations.LeadingZeroCount((ulong)value));
        return (shift * Half) + (int)(value >> shift);
    }

    private static long UpperEnd(int index)
    {
        var shift = Math.Max(0, (index / Half) - 1);
        return ((long)(index - (shift * Half) + 1) << shift) - 1;
    }
}
