using System.Diagnostics.Metrics;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Metrics.Tests;

public sealed class PrometheusTextTests : IDisposable
{
    private readonly string meterName = "Chat.Cells.Test." + Guid.NewGuid().ToString("N");
    private readonly Meter meter;
    private readonly MetricsCollector collector;

    public PrometheusTextTests()
    {
        meter = new Meter(meterName);
        collector = new MetricsCollector(new MetricsOptions { IncludeMeter = name => name == meterName, MaxSeriesPerInstrument = 50 });
    }

    public void Dispose()
    {
        collector.Dispose();
        meter.Dispose();
    }

    private string[] Lines() => collector.Write().Split('\n', StringSplitOptions.RemoveEmptyEntries);

    [Theory]
    [InlineData("chat.messages.sent", "{message}", "chat_messages_sent_total")]
    [InlineData("chat_sent_total", null, "chat_sent_total")]
    [InlineData("chat.sent", "By", "chat_sent_bytes_total")]
    [InlineData("chat.sent.bytes", "By", "chat_sent_bytes_total")]
    [InlineData("9-lives", "1", "_9_lives_total")]
    public void Counter_NameAndUnit_FollowPrometheusRules(string instrument, string? unit, string expected)
    {
        meter.CreateCounter<long>(instrument, unit).Add(3);
        Assert.Contains($"# TYPE {expected} counter", Lines());
        Assert.Contains($"{expected} 3", Lines());
    }

    [Fact]
    public void Tags_WithQuotesBackslashesAndLineFeeds_AreEscaped()
    {
        var counter = meter.CreateCounter<int>("c", description: "back\\slash\nand \"line\"");
        counter.Add(1, new KeyValuePair<string, object?>("we.ird-name", "a\"b\\c\nd"), new KeyValuePair<string, object?>("alpha", null));
        Assert.Contains("""c_total{alpha="",we_ird_name="a\"b\\c\nd"} 1""", Lines());
        Assert.Contains("""# HELP c_total back\\slash\nand "line" """.TrimEnd(), Lines());
    }

    [Fact]
    public void Tags_InAnyOrder_AreOneSeries()
    {
        var counter = meter.CreateCounter<int>("c");
        counter.Add(1, new KeyValuePair<string, object?>("a", 1), new KeyValuePair<string, object?>("b", true));
        counter.Add(2, new KeyValuePair<string, object?>("b", true), new KeyValuePair<string, object?>("a", 1));
        Assert.Contains("""c_total{a="1",b="True"} 3""", Lines());
    }

    [Fact]
    public void Histogram_Values_AreCumulativeAndBoundsInclusive()
    {
        var histogram = meter.CreateHistogram<double>("d", "s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.5, 1, 2] });
        foreach (var value in new[] { 0.1, 0.5, 0.6, 2, 99 }) histogram.Record(value);
        Assert.Equal(
            ["# TYPE d_seconds histogram", "d_seconds_bucket{le=\"0.5\"} 2", "d_seconds_bucket{le=\"1\"} 3", "d_seconds_bucket{le=\"2\"} 4", "d_seconds_bucket{le=\"+Inf\"} 5", "d_seconds_sum 102.2", "d_seconds_count 5"],
            Lines().Where(l => l.Contains("d_seconds", StringComparison.Ordinal)));
    }

    [Fact]
    public void Histogram_AnyValues_LastBucketEqualsCountAndNeverFalls() => Prop.ForAll<NormalFloat[]>(values =>
    {
        using var own = new Meter(meterName);
        var histogram = own.CreateHistogram<double>("p" + Guid.NewGuid().ToString("N"));
        foreach (var value in values) histogram.Record(value.Get);
        var counts = Lines().Where(l => l.StartsWith(histogram.Name + "_bucket", StringComparison.Ordinal)).Select(l => long.Parse(l.Split(' ')[1])).ToArray();
        Assert.True(values.Length == 0 ? counts.Length == 0 : counts[^1] == values.Length && counts.Zip(counts.Skip(1)).All(p => p.First <= p.Second));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task Counter_ManyThreads_LosesNothing()
    {
        var counter = meter.CreateCounter<double>("c");
        var histogram = meter.CreateHistogram<int>("h");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(t => Task.Run(() =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                counter.Add(0.5, new KeyValuePair<string, object?>("worker", t % 3));
                histogram.Record(1);
                if (i % 1_000 == 0) collector.Write();
            }
        })));
        var lines = Lines();
        Assert.Equal(20_000, lines.Where(l => l.StartsWith("c_total{", StringComparison.Ordinal)).Sum(l => double.Parse(l.Split(' ')[1])));
        Assert.Contains("h_count 40000", lines);
        Assert.Contains("h_sum 40000", lines);
    }

    [Fact]
    public void ObservableGauge_SeriesNoLongerMeasured_IsNotWritten()
    {
        var targets = new List<string> { "us", "eu" };
        meter.CreateObservableGauge("lag", () => targets.Select(t => new Measurement<long>(7, new KeyValuePair<string, object?>("target", t))), "{record}");
        Assert.Contains("lag{target=\"us\"} 7", Lines());
        targets.Remove("us");
        Assert.DoesNotContain("lag{target=\"us\"} 7", Lines());
        Assert.Contains("lag{target=\"eu\"} 7", Lines());
    }

    [Fact]
    public void UpDownCounter_GoesDown_IsAGauge()
    {
        var sockets = meter.CreateUpDownCounter<int>("sockets");
        sockets.Add(5);
        sockets.Add(-2);
        Assert.Contains("# TYPE sockets gauge", Lines());
        Assert.Contains("sockets 3", Lines());
    }

    [Fact]
    public void ObservableCallback_Throws_OthersAreStillWritten()
    {
        meter.CreateObservableGauge("broken", new Func<int>(() => throw new InvalidOperationException("no")));
        meter.CreateObservableGauge("fine", () => 1);
        Assert.Contains("fine 1", Lines());
        Assert.Contains("chat_cells_metrics_failed_callbacks 1", Lines());
    }

    [Fact]
    public void Series_OverTheBound_AreDroppedAndCounted()
    {
        var counter = meter.CreateCounter<int>("c");
        for (var i = 0; i < 60; i++) counter.Add(1, new KeyValuePair<string, object?>("user", i));
        Assert.Equal(50, Lines().Count(l => l.StartsWith("c_total{", StringComparison.Ordinal)));
        Assert.Contains("chat_cells_metrics_dropped_series_total 10", Lines());
    }

    [Fact]
    public void Meters_NotIncluded_AreNotCollected()
    {
        using var other = new Meter("Other." + meterName);
        other.CreateCounter<int>("foreign").Add(1);
        Assert.DoesNotContain(Lines(), l => l.Contains("foreign", StringComparison.Ordinal));
    }
}
