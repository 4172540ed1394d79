using Chat.Cells.Bench.Measure;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Bench.Tests;

public sealed class HistogramTests
{
    [Fact]
    public void Percentile_OfAnyValues_IsTheNearestRankWithinABucket()
    {
        var cases = from values in Gen.Choose(0, 2_000_000_000).NonEmptyListOf() from percent in Gen.Elements(1.0, 50, 90, 99, 99.9, 100) select (values, percent);
        Prop.ForAll(cases.ToArbitrary(), run =>
        {
            var histogram = new Histogram();
            foreach (var value in run.values) histogram.Add(value);
            var sorted = run.values.Order().ToArray();
            var exact = sorted[Math.Max(0, (int)Math.Ceiling(run.percent / 100 * sorted.Length) - 1)] / 1000.0;

            Assert.InRange(histogram.Percentile(run.percent), exact, (exact * (1 + (1 / 64.0))) + 0.0011);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Percentile_Hundred_IsTheExactHighest()
    {
        var histogram = new Histogram();
        foreach (var value in new long[] { 3, 1_234_567, 99 }) histogram.Add(value);

        Assert.Equal(1234.567, histogram.Percentile(100));
    }

    [Fact]
    public void Clear_LeavesNothing()
    {
        var histogram = new Histogram();
        histogram.Add(5_000);
        histogram.Clear();

        Assert.Equal((0, 0, 0), (histogram.Count, histogram.Max, histogram.Percentile(99)));
    }

    [Theory]
    [InlineData(-5, 0)]
    [InlineData(long.MaxValue, 3_600_000)]
    public void Add_BeyondTheEnds_CountsAtTheEnd(long microseconds, double milliseconds)
    {
        var histogram = new Histogram();
        histogram.Add(microseconds);

        Assert.Equal(milliseconds, histogram.Percentile(50));
    }
}
