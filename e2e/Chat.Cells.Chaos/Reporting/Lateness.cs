namespace Chat.Cells.Chaos.Reporting;

/// <summary>How late timers were while something ran, as far as it matters: those that were too late, and when.</summary>
/// <param name="time">The clock.</param>
/// <param name="overdue">How late the next one is already: when all stood still, what waited may say so before the timer fires.</param>
/// <param name="end">Called at the end.</param>
public sealed class Lateness(TimeProvider time, Func<TimeSpan> overdue, Action<Lateness> end) : IDisposable
{
    private readonly Lock gate = new();
    private readonly List<(long At, TimeSpan Late)> stalls = [];

    /// <summary>The latest of those that fired in a time that ends now; zero when none was too late.</summary>
    /// <param name="last">How long that time is; more than there was means all of it.</param>
    public TimeSpan Within(TimeSpan last)
    {
        var latest = overdue();
        if (latest <= MachineWatch.TooLate) latest = TimeSpan.Zero;
        lock (gate)
        {
            foreach (var (at, late) in stalls)
            {
                if (time.GetElapsedTime(at) <= last && late > latest) latest = late;
            }
        }
        return latest;
    }

    public void Dispose() => end(this);

    /// <summary>A timer has fired just now, so late.</summary>
    internal void Raise(TimeSpan late)
    {
        if (late <= MachineWatch.TooLate) return;
        lock (gate) stalls.Add((time.GetTimestamp(), late));
    }
}
