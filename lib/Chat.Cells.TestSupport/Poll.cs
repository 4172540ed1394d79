using System.Runtime.CompilerServices;

namespace Chat.Cells.TestSupport;

/// <summary>Waits for a condition, asking again and again; fails after a time that a busy machine keeps.</summary>
public static class Poll
{
    /// <summary>For whatever else is waited for.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <param name="condition">Asked every 10 ms.</param>
    /// <param name="what">What is waited for, in words; the condition's own text when nothing is said.</param>
    /// <param name="limit"><see cref="Limit"/> when nothing is said.</param>
    /// <exception cref="TimeoutException">It did not come about.</exception>
    public static Task UntilAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "", TimeSpan? limit = null) =>
        UntilAsync(() => Task.FromResult(condition()), what, limit);

    /// <inheritdoc cref="UntilAsync(Func{bool}, string, TimeSpan?)"/>
    public static async Task UntilAsync(Func<Task<bool>> condition, [CallerArgumentExpression(nameof(condition))] string what = "", TimeSpan? limit = null)
    {
        var started = TimeProvider.System.GetTimestamp();
        var most = limit ?? Limit;
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > most) throw new TimeoutException($"Not within {most.TotalSeconds} s: {what}");
            await Task.Delay(Pause);
        }
    }

    /// <summary>Moves a fake clock in steps until a condition holds.</summary>
    /// <exception cref="TimeoutException">It takes more than <paramref name="limit"/> of fake time.</exception>
    public static async Task AdvanceUntilAsync(FakeTime time, TimeSpan step, TimeSpan limit, Func<bool> condition, string what)
    {
        var start = time.GetUtcNow();
        while (!condition())
        {
            if (time.GetUtcNow() - start > limit) throw new TimeoutException($"Not within {limit} of the fake clock: {what}");
            time.Advance(step);
            // Real requests are under way between the steps: let them end.
            await Task.Delay(15);
        }
    }
}
