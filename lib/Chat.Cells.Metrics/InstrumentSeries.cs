using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Chat.Cells.Metrics;

/// <summary>An instrument with all its series.</summary>
internal sealed class InstrumentSeries
{
    private readonly ConcurrentDictionary<LabelSet, Series> series = new(LabelSet.Comparer.Instance);
    private readonly ConcurrentDictionary<LabelSet, Series>.AlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>> byTags;
    private readonly int maxSeries;
    private readonly bool observable;

    public InstrumentSeries(Instrument instrument, MetricsOptions options)
    {
        byTags = series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
        maxSeries = options.MaxSeriesPerInstrument;
        observable = instrument.IsObservable;
        var generic = instrument.GetType().GetGenericTypeDefinition();
        var counter = generic == typeof(Counter<>) || generic == typeof(ObservableCounter<>);
        IsHistogram = generic == typeof(Histogram<>);
        LastValue = observable || generic == typeof(Gauge<>);
        Type = counter ? "counter" : IsHistogram ? "histogram" : "gauge";
        Name = MetricName.Create(instrument.Name, instrument.Unit, counter);
        Help = instrument.Description;
        if (IsHistogram) Bounds = BoundsOf(instrument, options);
    }

    public string Name { get; }
    public string Type { get; }
    public string? Help { get; }
    public bool IsHistogram { get; }
    public double[] Bounds { get; } = [];
    private bool LastValue { get; }

    /// <summary>How many measurements found no room for their labels.</summary>
    public long Dropped => Volatile.Read(ref dropped);

    private long dropped;

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, long generation)
    {
        if (!byTags.TryGetValue(tags, out var found))
        {
            if (series.Count >= maxSeries)
            {
                Interlocked.Increment(ref dropped);
                return;
            }
            found = series.GetOrAdd(new LabelSet(tags), static (_, self) => self.Create(), this);
        }
        if (observable && found is LastValueSeries last) last.Generation = generation;
        found.Record(value);
    }

    /// <summary>The series to write, merged by label text and sorted by it.</summary>
    public IEnumerable<(string Labels, Series Series)> Read(long generation)
    {
        var seen = new SortedDictionary<string, List<Series>>(StringComparer.Ordinal);
        foreach (var (labels, one) in series)
        {
            if (observable && one is LastValueSeries last && last.Generation != generation) continue;
            if (!seen.TryGetValue(labels.Text, out var same)) seen[labels.Text] = same = [];
            same.Add(one);
        }
        foreach (var (labels, all) in seen)
        {
            yield return (labels, all.Count == 1 ? all[0] : Merge(all));
        }
    }

    /// <summary>The same labels, recorded in several orders.</summary>
    private Series Merge(List<Series> all)
    {
        switch (all[0])
        {
            case SumSeries:
                var sum = new SumSeries();
                foreach (var one in all) sum.Record(((SumSeries)one).Value);
                return sum;
            case HistogramSeries:
                return HistogramSeries.Merge(Bounds, all);
            default:
                return all[^1];
        }
    }

    private Series Create() => IsHistogram ? new HistogramSeries(Bounds) : LastValue ? new LastValueSeries() : new SumSeries();

    private static double[] BoundsOf(Instrument instrument, MetricsOptions options)
    {
        var bounds = options.BucketsFor(instrument.Name) ?? instrument switch
        {
            Histogram<double> h => h.Advice?.HistogramBucketBoundaries,
            Histogram<long> h => h.Advice?.HistogramBucketBoundaries?.Select(b => (double)b).ToArray(),
            Histogram<int> h => h.Advice?.HistogramBucketBoundaries?.Select(b => (double)b).ToArray(),
            _ => null,
        };
        bounds ??= instrument.Unit == "ms" ? [.. MetricsOptions.DefaultBuckets.Select(b => b * 1000)] : MetricsOptions.DefaultBuckets;
        return [.. bounds.Where(double.IsFinite).Distinct().Order()];
    }
}
