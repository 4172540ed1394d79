using Chat.Cells.Cell.Ports;
using Confluent.Kafka;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// How far a held partition's committed place is behind its end. The client knows the end as of its last fetch, and what is paused isn't fetched: a worker that hangs would seem to be
/// a buffer behind for ever. So the brokers are asked, on another thread, once in a while where fetches don't tell; and for the oldest record, where nothing was committed.
/// </summary>
internal sealed class PartitionEnd(PumpControl control, Confluent.Kafka.TopicPartition source, TimeProvider time)
{
    private static readonly TimeSpan FirstLook = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>Short, since a pump that stops waits for its question.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // Of the process: a question blocks a thread, and when brokers hang all partitions have one.
    private static readonly SemaphoreSlim Asking = new(4);
    private readonly Lock _lock = new();
    private OffsetRange? _asked;

    /// <summary>Records from a place to the end; null while it isn't known. Asks nobody.</summary>
    /// <param name="next">The committed place; null when there is none: then all that is retained is behind.</param>
    public long? Behind(long? next)
    {
        OffsetRange? asked;
        lock (_lock) asked = _asked;
        var fetched = control.EndOf(source);
        if ((fetched is null && asked is null) || (next is null && asked is null)) return null;
        return Math.Max(fetched ?? 0, asked?.Next ?? 0) - Math.Max(next ?? 0, asked?.Oldest ?? 0);
    }

    /// <summary>Asks where it must be asked, until the partition is taken away. Never throws.</summary>
    /// <param name="place">What is committed, and what the buffer has taken.</param>
    /// <param name="revoked">Cancelled then.</param>
    public async Task WatchAsync(Func<Place> place, CancellationToken revoked)
    {
        var taken = -1L;
        for (var wait = FirstLook; await WaitAsync(wait, revoked); wait = Interval)
        {
            var now = place();
            var isQuiet = now.Taken == taken;
            taken = now.Taken;
            // At the end nothing is fetched either, and the client would know of more.
            if (Behind(now.Committed) is { } behind && !now.IsPaused && (behind == 0 || !isQuiet)) continue;
            await AskAsync(revoked);
        }
    }

    private async Task<bool> WaitAsync(TimeSpan wait, CancellationToken revoked)
    {
        await Task.Delay(wait, time, revoked).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !revoked.IsCancellationRequested;
    }

    private async Task AskAsync(CancellationToken revoked)
    {
        try
        {
            await Asking.WaitAsync(revoked);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        try
        {
            // Not given up when the partition is taken away: the consumer must outlive the question.
            var range = await Task.Run(() => control.AskOffsets(source, Patience), CancellationToken.None);
            lock (_lock) _asked = range;
        }
        catch (Exception e) when (e is KafkaException or ObjectDisposedException)
        {
            // What was known stays; it is asked again, unless the consumer is gone.
            return;
        }
        finally
        {
            Asking.Release();
        }
    }

    /// <summary>Where a partition stands.</summary>
    /// <param name="Committed">The next offset to be processed, as Kafka counts; null when nothing was committed.</param>
    /// <param name="Taken">Behind the last record that the buffer took.</param>
    /// <param name="IsPaused">The buffer is full.</param>
    public readonly record struct Place(long? Committed, long Taken, bool IsPaused);
}
