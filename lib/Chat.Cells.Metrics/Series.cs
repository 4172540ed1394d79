namespace Chat.Cells.Metrics;

/// <summary>One label combination of an instrument. Recording is thread-safe.</summary>
internal abstract class Series
{
    public abstract void Record(double value);

    internal static void Add(ref double target, double value)
    {
        var seen = Volatile.Read(ref target);
        while (true)
        {
            var was = Interlocked.CompareExchange(ref target, seen + value, seen);
            if (BitConverter.DoubleToInt64Bits(was) == BitConverter.DoubleToInt64Bits(seen)) return;
            seen = was;
        }
    }
}

/// <summary>Counters and up-down counters.</summary>
internal sealed class SumSeries : Series
{
    private double sum;

    public double Value => Volatile.Read(ref sum);

    public override void Record(double value) => Add(ref sum, value);
}

/// <summary>Gauges and observable instruments: the last value that was measured.</summary>
internal sealed class LastValueSeries : Series
{
    private double last;

    /// <summary>The collection that measured it last; one that wasn't measured in this collection isn't written.</summary>
    public long Generation { get; set; }

    public double Value => Volatile.Read(ref last);

    public override void Record(double value) => Volatile.Write(ref last, value);
}

/// <summary>A histogram of explicit upper bounds.</summary>
internal sealed class HistogramSeries(double[] bounds) : Series
{
    private readonly long[] counts = new long[bounds.Length + 1];
    private double sum;

    public override void Record(double value)
    {
        if (double.IsNaN(value)) return;
        var index = Array.BinarySearch(bounds, value);
        Interlocked.Increment(ref counts[index < 0 ? ~index : index]);
        Add(ref sum, value);
    }

    public static HistogramSeries Merge(double[] bounds, IReadOnlyList<Series> all)
    {
        var merged = new HistogramSeries(bounds);
        foreach (var one in all.Cast<HistogramSeries>())
        {
            for (var i = 0; i < merged.counts.Length; i++) merged.counts[i] += Volatile.Read(ref one.counts[i]);
            merged.sum += Volatile.Read(ref one.sum);
        }
        return merged;
    }

    /// <summary>Cumulative counts per bound and, last, of all.</summary>
    public (long[] Cumulative, double Sum) Read()
    {
        var cumulative = new long[counts.Length];
        long total = 0;
        for (var i = 0; i < counts.Length; i++)
        {
            total += Volatile.Read(ref counts[i]);
            cumulative[i] = total;
        }
        return (cumulative, Volatile.Read(ref sum));
    }
}
