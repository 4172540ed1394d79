using Chat.Cells.Router.Health;
using Chat.Cells.Router.Hosting;
using Chat.Cells.Topology;

namespace Chat.Cells.Router.Forwarding;

/// <summary>
/// Lets new sockets wait for a cell that is restarting, so that its clients are back when it is, and not when their growing back-off ends. Only so long and so many: a
/// cell that stays away must not fill the router.
/// </summary>
internal sealed class HeldSockets(CellHealth health, RouterMetrics metrics, RouterOptions options, TimeProvider time, Random random)
{
    private const int Most = 20_000;

    /// <summary>For each ten that wait, the first frames of all come a millisecond further apart.</summary>
    private const int PerMillisecond = 10;

    private int held;

    /// <summary>Waits for the cell. True: it is up; false: it is not, and the client is better told so.</summary>
    /// <param name="cell">A cell that is down.</param>
    /// <param name="since">When the request came, as a timestamp.</param>
    /// <param name="cancellationToken">The client gave up.</param>
    public async Task<bool> UntilUpAsync(CellEntry cell, long since, CancellationToken cancellationToken)
    {
        var left = options.Hold - time.GetElapsedTime(since);
        if (left <= TimeSpan.Zero || cell.State == CellState.Down) return false;
        var waiting = Interlocked.Increment(ref held);
        try
        {
            if (waiting > Most) return false;
            metrics.SocketHeld(cell.Name);
            await health.WhenUpAsync(cell).WaitAsync(left, time, cancellationToken);
            await Task.Delay(random.Next(1 + (Volatile.Read(ref held) / PerMillisecond)), cancellationToken);
            return health.IsUp(cell);
        }
        catch (TimeoutException)
        {
            return false;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            Interlocked.Decrement(ref held);
        }
    }
}
