namespace Chat.Cells.Bench.Measure;

/// <summary>The machine's monotonic clock in nanoseconds, the same in all its processes.</summary>
internal static class Clock
{
    public const long Second = 1_000_000_000;
    public const long Millisecond = 1_000_000;

    private static readonly double PerTick = (double)Second / TimeProvider.System.TimestampFrequency;

    public static long Now => (long)(TimeProvider.System.GetTimestamp() * PerTick);
}
