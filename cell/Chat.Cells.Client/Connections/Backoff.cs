namespace Chat.Cells.Client.Connections;

/// <summary>Exponential back-off with full jitter: a random share of <c>min(cap, base * 2^attempt)</c>.</summary>
public sealed class Backoff(TimeSpan first, TimeSpan cap, Func<double>? jitter = null)
{
    private readonly Func<double> jitter = jitter ?? Random.Shared.NextDouble;
    private int failures;

    /// <summary>How many attempts have failed in a row.</summary>
    public int Failures => failures;

    /// <summary>Counts a failure and says how long to wait before the next attempt.</summary>
    public TimeSpan Next()
    {
        var ceiling = Ceiling(failures);
        if (failures < 62) failures++;
        return ceiling * Math.Clamp(jitter(), 0, 1);
    }

    /// <summary>The longest wait after a number of failures in a row.</summary>
    public TimeSpan Ceiling(int failedAttempts)
    {
        var factor = Math.Pow(2, Math.Min(failedAttempts, 40));
        return first.Ticks * factor >= cap.Ticks ? cap : TimeSpan.FromTicks((long)(first.Ticks * factor));
    }

    public void Reset() => failures = 0;
}
