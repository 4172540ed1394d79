using System.Diagnostics;

namespace Chat.Cells.Kubernetes.Tests.Fakes;

/// <summary>Waits for a condition; fails after a generous time.</summary>
public static class Poll
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static Task UntilAsync(Func<bool> condition, string what) => UntilAsync(() => Task.FromResult(condition()), what);

    public static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < Limit, $"Not within {Limit.TotalSeconds} s: {what}");
            await Task.Delay(10);
        }
    }

    /// <summary>Moves a fake clock in steps until a condition holds; fails when it takes more than <paramref name="limit"/> of fake time.</summary>
    public static async Task AdvanceUntilAsync(FakeTime time, TimeSpan step, TimeSpan limit, Func<bool> condition, string what)
    {
        var start = time.GetUtcNow();
        while (!condition())
        {
            Assert.True(time.GetUtcNow() - start <= limit, $"Not within {limit} of the fake clock: {what}");
            time.Advance(step);
            // Real requests are under way between the steps: let them end.
            await Task.Delay(15);
        }
    }
}
