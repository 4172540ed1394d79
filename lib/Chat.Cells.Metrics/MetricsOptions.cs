namespace Chat.Cells.Metrics;

/// <summary>What is collected, and how histograms are cut.</summary>
public sealed class MetricsOptions
{
    /// <summary>prometheus-net's default buckets, in seconds, with finer ones below: 1 ms to 10 s. An instrument in ms gets the same in ms.</summary>
    public static readonly IReadOnlyList<double> DefaultBuckets = [.001, .0025, .005, .01, .025, .05, .075, .1, .15, .25, .5, .75, 1, 2.5, 5, 7.5, 10];

    /// <summary>Which meters are collected, by name. By default those of Chat.Cells and the runtime's (<c>System.Runtime</c>).</summary>
    public Func<string, bool> IncludeMeter { get; set; } =
        static name => name.StartsWith("Chat.Cells", StringComparison.Ordinal) || name is "System.Runtime";

    /// <summary>Upper bounds, ascending, of an instrument's histogram; null for the instrument's own advice, else <see cref="DefaultBuckets"/>. Asked once per instrument.</summary>
    public Func<string, IReadOnlyList<double>?> BucketsFor { get; set; } = static _ => null;

    /// <summary>The most label combinations kept per instrument; further ones are counted in <c>chat_cells_metrics_dropped_series_total</c> and dropped.</summary>
    public int MaxSeriesPerInstrument { get; set; } = 2_000;
}
