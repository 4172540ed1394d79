namespace Chat.Cells.Cell.Hosting;

/// <summary>Runs one role until the server stops; a role that fails is started again after a back-off.</summary>
public sealed partial class RoleHost(string name, Func<CancellationToken, Task> run, Func<bool> isRunning, TimeProvider time, ILogger<RoleHost> logger) : BackgroundService
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(10);

    public string Name => name;

    public bool IsRunning => isRunning();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        var delay = FirstDelay;
        while (!stoppingToken.IsCancellationRequested)
        {
            var started = time.GetTimestamp();
            try
            {
                await run(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                LogFailed(e, name, delay);
            }
            if (time.GetElapsedTime(started) > MaxDelay) delay = FirstDelay;
            if (!await WaitAsync(delay, stoppingToken)) break;
            delay = delay * 2 < MaxDelay ? delay * 2 : MaxDelay;
        }
        LogStopped(name);
    }

    private async Task<bool> WaitAsync(TimeSpan delay, CancellationToken stoppingToken)
    {
        try
        {
            await Task.Delay(delay, time, stoppingToken);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(110, LogLevel.Error, "Role {Role} failed; it starts again in {Delay}.")]
    private partial void LogFailed(Exception fault, string role, TimeSpan delay);

    [LoggerMessage(111, LogLevel.Information, "Role {Role} has stopped.")]
    private partial void LogStopped(string role);
}
