namespace Chat.Cells.Load.Measure;

/// <summary>Latencies in microseconds. Thread-safe.</summary>
public sealed class Latencies
{
    private readonly Lock gate = new();
    private readonly List<long> values = [];

    public void Add(long microseconds)
    {
        lock (gate) values.Add(microseconds);
    }

    /// <summary>A percentile in milliseconds (nearest rank); 0 when nothing was measured.</summary>
    public double Percentile(double percent)
    {
        long[] sorted;
        lock (gate) sorted = [.. values];
        if (sorted.Length == 0) return 0;
        Array.Sort(sorted);
        var rank = (int)Math.Ceiling(percent / 100 * sorted.Length) - 1;
        return sorted[Math.Clamp(rank, 0, sorted.Length - 1)] / 1000.0;
    }
}
