using Chat.Cells.Cell.Hosting;

namespace Chat.Cells.Cell.Presence;

/// <summary>Every few seconds: reads all viewed users again, tells of users whose sockets broke, and checks views again.</summary>
internal sealed partial class PresenceTick(CellOptions options, PresenceViews views, PresencePublisher publisher, LiveHandler handler, TimeProvider time, ILogger<PresenceTick> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.TickInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    publisher.Tick();
                    handler.Tick();
                    await views.TickAsync(stoppingToken);
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    LogFailed(e);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    [LoggerMessage(491, LogLevel.Warning, "Viewed users could not be read again; the next tick does it.")]
    private partial void LogFailed(Exception fault);

    [LoggerMessage(492, LogLevel.Debug, "Viewed users are no longer read again.")]
    private partial void LogStopped();
}
