namespace Cassandra.Tests;

public sealed class LatencyWindowTests
{
    private readonly Clock _clock = new();

    [Fact]
    public void Percentile_Nothing_IsZero() => Assert.Equal(TimeSpan.Zero, new LatencyWindow(_clock).Percentile(0.99));

    [Theory]
    [InlineData(0.5, 500)]
    [InlineData(0.99, 990)]
    [InlineData(1, 1_000)]
    public void Percentile_OfOneToAThousand_IsAtMostATenthTooHigh(double share, int milliseconds)
    {
        var window = new LatencyWindow(_clock);
        for (var i = 1; i <= 1_000; i++) window.Record(TimeSpan.FromMilliseconds(i));

        Assert.InRange(window.Percentile(share).TotalMilliseconds, milliseconds * 0.999, milliseconds * 1.1);
    }

    [Fact]
    public void Percentile_AfterAMinuteOrTwo_ForgetsWhatWas()
    {
        var window = new LatencyWindow(_clock);
        window.Record(TimeSpan.FromSeconds(5));
        _clock.Now = TimeSpan.FromSeconds(61);
        window.Record(TimeSpan.FromMilliseconds(1));
        Assert.InRange(window.Percentile(1).TotalSeconds, 4.9, 5.6);

        _clock.Now = TimeSpan.FromSeconds(122);
        Assert.InRange(window.Percentile(1).TotalMilliseconds, 0.9, 1.2);

        _clock.Now = TimeSpan.FromSeconds(400);
        Assert.Equal(TimeSpan.Zero, window.Percentile(1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(86_400)]
    public void Record_AnyTime_IsTaken(int seconds)
    {
        var window = new LatencyWindow(_clock);
        window.Record(TimeSpan.FromSeconds(seconds));
        Assert.InRange(window.Percentile(1), TimeSpan.FromMicroseconds(1), TimeSpan.FromMinutes(2));
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
