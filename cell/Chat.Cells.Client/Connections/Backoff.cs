namespace Chat.Cells.Client.Connections;

/// <summary>
/// Exponential back-off with equal jitter: between half and all of <c>min(cap, base * 2^attempt)</c>. A server that comes back is found by all within the doubling under way: where any share is
/// drawn from nothing on, some have used their short waits up by then and come a doubling or two later.
/// </summary>
public sealed class Backoff(TimeSpan first, TimeSpan cap, Func<double>? jitter = null)
{
    private readonly Func<double> jitter = jitter ?? Random.Shared.NextDouble;
    private int failures;

    /// <summary>Counts a failure and says how long to wait before the next attempt.</summary>
    public TimeSpan Next()
    {
        var ceiling = Ceiling(failures);
        if (failures < 62) failures++;
        return ceiling * (0.5 + Math.Clamp(jitter(), 0, 1) / 2);
    }

    /// <summary>The longest wait after a number of failures in a row.</summary>
    public TimeSpan Ceiling(int failedAttempts)
    {
        var factor = Math.Pow(2, Math.Min(failedAttempts, 40));
        return first.Ticks * factor >= cap.Ticks ? cap : TimeSpan.FromTicks((long)(first.Ticks * factor));
    }

    public void Reset() => failures = 0;
}
