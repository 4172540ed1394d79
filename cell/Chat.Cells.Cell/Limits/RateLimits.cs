using Chat.Cells.Cell.Engines.Memory;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Limits;

/// <summary>
/// Token buckets of the whole cell. While the state can't be reached each server counts by itself, so that nobody is locked out and passwords still can't be guessed
/// at will; it asks the state again a second later, so that a state that hangs costs one call a second.
/// </summary>
public sealed partial class RateLimits(ICellState state, TimeProvider time, ILogger<RateLimits> logger) : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly MemoryCellState local = new(time);

    // A time stamp, which no clock that is set moves; 0 before the state has ever failed.
    private long failedAt;

    /// <summary>Takes one token from a bucket of <paramref name="capacity"/> that refills <paramref name="refillPerSecond"/>. Returns zero, or how long until one is there.</summary>
    public async ValueTask<TimeSpan> TakeAsync(string bucket, int capacity, double refillPerSecond, CancellationToken cancellationToken)
    {
        var failed = Volatile.Read(ref failedAt);
        if (failed == 0 || time.GetElapsedTime(failed) >= Pause)
        {
            try
            {
                return await state.TakeTokenAsync(bucket, capacity, refillPerSecond, cancellationToken);
            }
            catch (CellStateException e)
            {
                Volatile.Write(ref failedAt, time.GetTimestamp());
                LogFailed(e.Message);
            }
        }
        return await local.TakeTokenAsync(bucket, capacity, refillPerSecond, cancellationToken);
    }

    public ValueTask DisposeAsync() => local.DisposeAsync();

    [LoggerMessage(470, LogLevel.Warning, "Rate limits can't be shared now; this server counts by itself: {Reason}")]
    private partial void LogFailed(string reason);
}
