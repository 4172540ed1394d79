using System.Net;
using Microsoft.Extensions.Logging;

namespace Cassandra.Connections;

/// <summary>
/// A few connections to one host. Those that break are replaced in the background with back-off; the host counts as down while there is none.
/// </summary>
internal sealed partial class HostPool : IAsyncDisposable
{
    private readonly Host _host;
    private readonly ConnectionSettings _settings;
    private readonly ReconnectionPolicy _reconnection;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private readonly List<Task> _keepers = [];
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Connection[] _open = [];
    private TaskCompletionSource _wake = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _lastError;
    private Task _probe = Task.CompletedTask;

    public HostPool(Host host, int size, ConnectionSettings settings, ReconnectionPolicy reconnection)
    {
        _host = host;
        _settings = settings;
        _reconnection = reconnection;
        for (var i = 0; i < size; i++) _keepers.Add(KeepAsync());
    }

    /// <summary>The least busy connection; waits for the first one of a new pool.</summary>
    /// <exception cref="DriverException">There is none.</exception>
    public async ValueTask<Connection> TakeAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (LeastBusy() is { } ready) return ready;
        try
        {
            await _first.Task.WaitAsync(timeout, _settings.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new OperationTimedOutException(_host.Address, timeout);
        }
        var error = Volatile.Read(ref _lastError);
        return LeastBusy() ?? throw new DriverException($"No connection to {_host.Address}: {error?.Message ?? "it was closed"}", error);
    }

    /// <summary>Other nodes see the host up or down: reconnect at once, or see whether it still answers.</summary>
    public void OnStatus(bool isUp)
    {
        lock (_lock)
        {
            if (_closing.IsCancellationRequested) return;
            if (isUp)
            {
                _wake.TrySetResult();
                _wake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
            else if (_probe.IsCompleted)
            {
                // What counts is whether it answers us: gossip may be wrong. Until that is known it is tried last.
                _host.IsUp = false;
                _probe = ProbeAsync();
            }
        }
    }

    private async Task ProbeAsync()
    {
        try
        {
            await Task.WhenAll(Volatile.Read(ref _open).Select(c => c.ProbeAsync(_closing.Token)));
            Change(static open => [.. open.Where(c => !c.Closed.IsCompleted)], error: null);
        }
        catch (OperationCanceledException)
        {
            // The pool is closing.
        }
    }

    private Connection? LeastBusy()
    {
        Connection? best = null;
        foreach (var connection in Volatile.Read(ref _open))
        {
            if (!connection.Closed.IsCompleted && (best is null || connection.InFlight < best.InFlight)) best = connection;
        }
        return best;
    }

    private async Task KeepAsync()
    {
        var failures = 0;
        while (!_closing.IsCancellationRequested)
        {
            Task wake;
            lock (_lock) wake = _wake.Task;
            try
            {
                await using var connection = await Connection.OpenAsync(_host.Address, _settings, _closing.Token);
                Change(open => [.. open, connection], error: null);
                failures = 0;
                var reason = await connection.Closed.WaitAsync(_closing.Token) ?? new ConnectionClosedException(_host.Address);
                Change(open => [.. open.Where(c => c != connection)], reason);
            }
            catch (OperationCanceledException) when (_closing.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Not only the driver's: the options for TLS come from the application. Whatever it is, the next try may do better.
                Change(static open => open, e);
            }
            if (!await WaitAsync(_reconnection.Delay(failures++), wake)) return;
            // The news may come a little before the host listens.
            if (wake.IsCompleted) failures = 0;
        }
    }

    /// <summary>The back-off, cut short by news that the host is up. False: the pool is closing.</summary>
    private async Task<bool> WaitAsync(TimeSpan delay, Task wake)
    {
        try
        {
            await wake.WaitAsync(delay, _settings.Time, _closing.Token);
            return true;
        }
        catch (TimeoutException)
        {
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void Change(Func<Connection[], Connection[]> change, Exception? error)
    {
        lock (_lock)
        {
            var before = _open;
            var open = change(before);
            Volatile.Write(ref _open, open);
            if (error is not null && open.Length == 0) Volatile.Write(ref _lastError, error);
            _host.IsUp = open.Length > 0;
            if (open.Length == 0 && error is not null && (before.Length > 0 || !_first.Task.IsCompleted)) LogDown(_settings.Logger, _host.Address, error.Message);
            if (before.Length == 0 && open.Length > 0) LogUp(_settings.Logger, _host.Address);
            _first.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await Task.WhenAll(_keepers);
        Task probe;
        lock (_lock) probe = _probe;
        await probe;
        Change(static _ => [], error: null);
    }

    [LoggerMessage(2, LogLevel.Warning, "No connection to the Cassandra host {Host}: {Reason}")]
    private static partial void LogDown(ILogger logger, IPEndPoint host, string reason);

    [LoggerMessage(3, LogLevel.Information, "Connected to the Cassandra host {Host}")]
    private static partial void LogUp(ILogger logger, IPEndPoint host);
}
