using Chat.Cells.Http;
using Chat.Cells.Router.Hosting;
using Chat.Cells.Topology;

namespace Chat.Cells.Router.Health;

/// <summary>
/// Asks every cell's public listener for <c>/healthz</c>: each interval while it is up, four times as often while it is down, so that a restarted cell is found soon.
/// </summary>
internal sealed class HealthChecks(CellMapWatcher maps, CellHealth health, RouterOptions options, TimeProvider time) : BackgroundService
{
    private readonly Dictionary<string, long> lastChecked = new(StringComparer.Ordinal);

    private readonly HttpMessageInvoker client = new(new ConnectionErrorHandler(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = options.HealthTimeout,
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
    }));

    public override void Dispose()
    {
        client.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.HealthInterval / 4, time);
        do
        {
            if (maps.Current is not { } map) continue;
            health.Keep(map);
            await Task.WhenAll(map.Cells.Where(IsDue).Select(cell => CheckAsync(cell, stoppingToken)));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private bool IsDue(CellEntry cell)
    {
        if (cell.State == CellState.Down) return false;
        if (lastChecked.TryGetValue(cell.Name, out var last) && health.IsUp(cell) && time.GetElapsedTime(last) < options.HealthInterval * 0.9) return false;
        lastChecked[cell.Name] = time.GetTimestamp();
        return true;
    }

    private async Task CheckAsync(CellEntry cell, CancellationToken stoppingToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        limit.CancelAfter(options.HealthTimeout);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(cell.Endpoints.Public, "/healthz"));
            using var response = await client.SendAsync(request, limit.Token);
            if (response.IsSuccessStatusCode) health.CheckPassed(cell);
            else health.CheckFailed(cell, $"answered its health check with {(int)response.StatusCode}");
        }
        catch (HttpRequestException e)
        {
            health.CheckFailed(cell, $"did not answer its health check: {e.Message}");
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            health.CheckFailed(cell, "did not answer its health check in time");
        }
    }
}
