using Cassandra;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>
/// Runs lightweight transactions until their outcome is known. One that timed out may have been applied, or may be yet. It is made again: like a serial read the repetition
/// first completes what is half done, and then either is applied itself or brings the row as it is, from which its caller sees whether the first one was.
/// </summary>
internal sealed class LightweightTransactions(TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    // Those of one server that want the same partition take turns: in the ring they would only make each other time out.
    private readonly SemaphoreSlim[] turns = [.. Enumerable.Range(0, 256).Select(_ => new SemaphoreSlim(1))];

    /// <summary>Makes attempts until one decides. The attempt is told whether an earlier one may have been applied; null is "not decided: again".</summary>
    /// <exception cref="StoreException">Not decided within 10 s.</exception>
    /// <exception cref="DriverException">Certainly not applied.</exception>
    public async Task<T> DecideAsync<T>(string partition, Func<bool, Task<Decision<T>>> attempt, CancellationToken cancellationToken)
    {
        var turn = turns[(uint)partition.GetHashCode(StringComparison.Ordinal) % turns.Length];
        await turn.WaitAsync(cancellationToken);
        try
        {
            var started = time.GetTimestamp();
            var pause = FirstPause;
            var maybeApplied = false;
            while (true)
            {
                DriverException? open = null;
                try
                {
                    if (await attempt(maybeApplied) is { IsDecided: true } decision) return decision.Outcome;
                }
                catch (DriverException e) when (StoreErrors.IsOutcomeOpen(e) || (maybeApplied && StoreErrors.MayPass(e)))
                {
                    // Of an earlier attempt's outcome an attempt that certainly did nothing says nothing.
                    maybeApplied = true;
                    open = e;
                }
                if (time.GetElapsedTime(started) > Limit)
                {
                    throw new StoreException($"Cassandra did not decide a lightweight transaction within {Limit.TotalSeconds:0} s; whether it was applied isn't known. Try again. {open?.Message}", open);
                }
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
                if (pause < LongestPause) pause *= 2;
            }
        }
        finally
        {
            turn.Release();
        }
    }
}

/// <summary>What an attempt at a lightweight transaction came to.</summary>
/// <param name="IsDecided">False: again.</param>
internal readonly record struct Decision<T>(bool IsDecided, T Outcome)
{
    public static readonly Decision<T> Again = new(false, default!);

    public static implicit operator Decision<T>(T outcome) => new(true, outcome);
}
