using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Unread;

/// <summary>
/// Delivery's side of the unread sets. Best effort and bounded by the state's own time-out: what fails here leaves sets that end below their users' cursors, which
/// whoever reads them notices, and rebuilds. It never stops delivery.
/// </summary>
internal sealed partial class UnreadWriter(IUnreadState state, ILogger logger)
{
    /// <summary>Never fails, but for the cancellation.</summary>
    public async Task ApplyAsync(UnreadBatch batch, CancellationToken cancellationToken)
    {
        try
        {
            var updates = batch.ToUpdates();
            if (updates.Count > 0) await state.ApplyUnreadAsync(updates, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            CellMeter.UnreadFailed.Add(1);
            LogFailed(logger, e);
        }
    }

    [LoggerMessage(13, LogLevel.Warning, "Unread sets could not be updated; they are rebuilt when they are asked for.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
