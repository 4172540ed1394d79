using System.Diagnostics.Metrics;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>Reads the metric <c>kafka.consumer_group.lag</c> as a scrape does.</summary>
internal static class LagReading
{
    /// <summary>The lag of one partition; null when nobody in this process holds it.</summary>
    public static long? Of(string group, string topic, int partition)
    {
        long? found = null;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Name == "kafka.consumer_group.lag") l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            var labels = tags.ToArray().ToDictionary(t => t.Key, t => t.Value);
            if ((string)labels["group"]! == group && (string)labels["topic"]! == topic && (int)labels["partition"]! == partition) found = value;
        });
        listener.Start();
        listener.RecordObservableInstruments();
        return found;
    }
}
