using System.Diagnostics;
using System.Diagnostics.Metrics;
using Chat.Cells.Cell.Messaging;

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>What is measured of Redis: meter <c>Chat.Cells.Cell</c>.</summary>
internal static class RedisMetrics
{
    private static readonly Meter Meter = new(CellMeter.Name);
    private static readonly Histogram<double> Calls = Meter.CreateHistogram<double>("state.call", "s", "Calls of the cell's fast state that were answered; a pipeline of many is one.");

    public static readonly Counter<long> Failed = Meter.CreateCounter<long>("state.failed", "{call}", "Calls of the cell's fast state that failed or were not answered in time.");

    public static readonly Counter<long> Dropped = Meter.CreateCounter<long>(
        "state.messages.dropped", "{message}", "Messages from other servers that were dropped because too many waited, in number or bytes.");

    /// <param name="started">A time stamp of <see cref="Stopwatch"/>.</param>
    public static void Answered(long started) => Calls.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
}
