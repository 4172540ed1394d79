using System.Diagnostics.Metrics;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>Adds up the metric <c>chatcells.skipped</c> of one group and topic while it is not disposed.</summary>
internal sealed class SkippedReading : IDisposable
{
    private readonly MeterListener listener = new();
    private long total;

    public SkippedReading(string group, string topic)
    {
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Name == "chatcells.skipped") l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            var labels = tags.ToArray().ToDictionary(t => t.Key, t => t.Value);
            if ((string)labels["group"]! == group && (string)labels["topic"]! == topic) Interlocked.Add(ref total, value);
        });
        listener.Start();
    }

    public long Total => Interlocked.Read(ref total);

    public void Dispose() => listener.Dispose();
}
