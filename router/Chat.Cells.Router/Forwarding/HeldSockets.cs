using System.Net;
using Chat.Cells.Router.Guarding;
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
    /// <summary>For each ten that wait, the first frames of all come a millisecond further apart.</summary>
    private const int PerMillisecond = 10;

    private readonly HeldPlaces places = new();

    /// <summary>Waits for the cell. True: it is up; false: it is not, and the client is better told so.</summary>
    /// <param name="context">The request; the wait ends when its client gives up.</param>
    /// <param name="cell">A cell that is down.</param>
    /// <param name="since">When the request came, as a timestamp.</param>
    /// <param name="isProven">A token has shown who asks.</param>
    public async Task<bool> UntilUpAsync(HttpContext context, CellEntry cell, long since, bool isProven)
    {
        var left = options.Hold - time.GetElapsedTime(since);
        if (left <= TimeSpan.Zero || cell.State == CellState.Down) return false;
        var address = isProven ? null : AddressLimits.Key(context.Connection.RemoteIpAddress ?? IPAddress.None);
        if (!places.TryTake(address)) return false;
        var cancellationToken = context.RequestAborted;
        try
        {
            metrics.SocketHeld(cell.Name);
            await health.WhenUpAsync(cell).WaitAsync(left, time, cancellationToken);
            await Task.Delay(random.Next(1 + (places.Taken / PerMillisecond)), cancellationToken);
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
            places.Return(address);
        }
    }
}
