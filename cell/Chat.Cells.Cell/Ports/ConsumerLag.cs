using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Chat.Cells.Cell.Ports;

/// <summary>
/// How far consumer groups are behind: the metric <c>kafka_consumer_group_lag</c>, by group, topic and partition, for each partition that this process holds. Measured when
/// it is scraped, not when work is done, so that a worker that hangs is seen.
/// </summary>
public static class ConsumerLag
{
    private static readonly Meter Meter = new("Chat.Cells.Cell");
    private static readonly ConcurrentDictionary<Held, byte> Partitions = new();

    static ConsumerLag() =>
        Meter.CreateObservableGauge("kafka.consumer_group.lag", Observe, "{record}", "Records of a held partition that are not processed yet.");

    /// <summary>Measures a partition until what is returned is disposed.</summary>
    /// <param name="lag">Records not processed; null while it isn't known. Called at a scrape, from any thread: it must neither block nor throw.</param>
    public static IDisposable Measure(string group, TopicPartition partition, Func<long?> lag)
    {
        var held = new Held(group, partition, lag);
        Partitions[held] = 0;
        return held;
    }

    private static IEnumerable<Measurement<long>> Observe()
    {
        foreach (var held in Partitions.Keys)
        {
            if (held.Lag() is { } lag) yield return new Measurement<long>(Math.Max(0, lag), held.Tags);
        }
    }

    private sealed class Held(string group, TopicPartition partition, Func<long?> lag) : IDisposable
    {
        public Func<long?> Lag => lag;

        public KeyValuePair<string, object?>[] Tags { get; } = [new("group", group), new("topic", partition.Topic), new("partition", partition.Partition)];

        public void Dispose() => Partitions.TryRemove(this, out _);
    }
}
