using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Chat.Cells.Metrics;

/// <summary>
/// Listens to the process's <see cref="Meter"/>s and writes what they measured as Prometheus text (exposition format 0.0.4). Make one at the start of the process:
/// what was measured before it isn't known to it.
/// </summary>
public sealed class MetricsCollector : IDisposable
{
    /// <summary>The content type of <see cref="Write()"/>'s text.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly ConcurrentDictionary<Instrument, InstrumentSeries> instruments = new(ReferenceEqualityComparer.Instance);
    private readonly MetricsOptions options;
    private readonly MeterListener listener;
    private readonly Lock collecting = new();
    private long generation;

    public MetricsCollector(MetricsOptions? options = null)
    {
        this.options = options ?? new MetricsOptions();
        listener = new MeterListener { InstrumentPublished = Publish };
        listener.SetMeasurementEventCallback<byte>(static (_, value, tags, state) => Record(state, value, tags));
        listener.SetMeasurementEventCallback<short>(static (_, value, tags, state) => Record(state, value, tags));
        listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => Record(state, value, tags));
        listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => Record(state, value, tags));
        listener.SetMeasurementEventCallback<float>(static (_, value, tags, state) => Record(state, value, tags));
        listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => Record(state, value, tags));
        listener.SetMeasurementEventCallback<decimal>(static (_, value, tags, state) => Record(state, (double)value, tags));
        listener.Start();
    }

    /// <summary>Measures the observable instruments and writes everything. A callback that throws leaves its instrument out of this scrape.</summary>
    public string Write()
    {
        lock (collecting)
        {
            generation++;
            var failed = 0;
            try
            {
                listener.RecordObservableInstruments();
            }
            catch (AggregateException e)
            {
                failed = e.InnerExceptions.Count;
            }
            return Write(failed);
        }
    }

    public void Dispose() => listener.Dispose();

    private string Write(int failed)
    {
        var text = new StringBuilder(4096);
        long dropped = 0;
        foreach (var family in instruments.Values.GroupBy(i => i.Name, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var first = family.First();
            var lines = new StringBuilder();
            var written = new HashSet<string>(StringComparer.Ordinal);
            foreach (var instrument in family)
            {
                dropped += instrument.Dropped;
                if (instrument.Type != first.Type) continue;
                foreach (var (labels, series) in instrument.Read(generation))
                {
                    if (written.Add(labels)) Write(lines, instrument, labels, series);
                }
            }
            if (lines.Length == 0) continue;
            Head(text, first.Name, first.Type, first.Help);
            text.Append(lines);
        }
        Head(text, "chat_cells_metrics_dropped_series_total", "counter", "Measurements dropped because their instrument has too many label combinations.");
        Line(text, "chat_cells_metrics_dropped_series_total", "", dropped);
        Head(text, "chat_cells_metrics_failed_callbacks", "gauge", "Observable instruments whose callback failed in this scrape.");
        Line(text, "chat_cells_metrics_failed_callbacks", "", failed);
        return text.ToString();
    }

    private static void Write(StringBuilder text, InstrumentSeries instrument, string labels, Series series)
    {
        switch (series)
        {
            case HistogramSeries histogram:
                var (cumulative, sum) = histogram.Read();
                var prefix = labels.Length == 0 ? "" : labels + ",";
                for (var i = 0; i < cumulative.Length; i++)
                {
                    var bound = i < instrument.Bounds.Length ? Number(instrument.Bounds[i]) : "+Inf";
                    Line(text, instrument.Name + "_bucket", $"{prefix}le=\"{bound}\"", cumulative[i]);
                }
                Line(text, instrument.Name + "_sum", labels, sum);
                Line(text, instrument.Name + "_count", labels, cumulative[^1]);
                break;
            case SumSeries one:
                Line(text, instrument.Name, labels, one.Value);
                break;
            case LastValueSeries one:
                Line(text, instrument.Name, labels, one.Value);
                break;
        }
    }

    private static void Head(StringBuilder text, string name, string type, string? help)
    {
        if (!string.IsNullOrEmpty(help))
        {
            text.Append("# HELP ").Append(name).Append(' ');
            LabelSet.Escape(text, help, quotes: false);
            text.Append('\n');
        }
        text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
    }

    private static void Line(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0) text.Append('{').Append(labels).Append('}');
        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);

    private void Publish(Instrument instrument, MeterListener meterListener)
    {
        if (!options.IncludeMeter(instrument.Meter.Name) || !instrument.GetType().IsGenericType) return;
        var series = instruments.GetOrAdd(instrument, static (i, o) => new InstrumentSeries(i, o), options);
        meterListener.EnableMeasurementEvents(instrument, new Target(this, series));
    }

    private static void Record(object? state, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (state is Target target) target.Series.Record(value, tags, target.Collector.generation);
    }

    private sealed record Target(MetricsCollector Collector, InstrumentSeries Series);
}
