namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>Roles that run until disposed.</summary>
internal sealed class Running : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;

    public Running(params Func<CancellationToken, Task>[] roles) => running = Task.WhenAll(roles.Select(r => r(stop.Token)));

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(60));
        stop.Dispose();
    }
}
