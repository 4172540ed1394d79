namespace Cassandra.Connections;

/// <summary>
/// A few connections to one host. Those that break are replaced in the background with back-off; the host counts as down while there is none.
/// </summary>
internal sealed class HostPool : IAsyncDisposable
{
    private readonly Host _host;
    private readonly ConnectionSettings _settings;
    private readonly ReconnectionPolicy _reconnection;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private readonly List<Task> _keepers = [];
    private Connection[] _open = [];
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _lastError;

    public HostPool(Host host, int size, ConnectionSettings settings, ReconnectionPolicy reconnection)
    {
        _host = host;
        _settings = settings;
        _reconnection = reconnection;
        for (var i = 0; i < size; i++) _keepers.Add(KeepAsync());
    }

    public Host Host => _host;

    /// <summary>The least busy connection; waits for the first one of a new pool.</summary>
    /// <exception cref="DriverException">There is none.</exception>
    public async ValueTask<Connection> TakeAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (LeastBusy() is { } ready) return ready;
        if (_lastError is { } known) throw new DriverException($"No connection to {_host.Address}: {known.Message}", known);
        try
        {
            await _first.Task.WaitAsync(timeout, _settings.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new OperationTimedOutException(_host.Address, timeout);
        }
        return LeastBusy() ?? throw new DriverException($"No connection to {_host.Address}: {_lastError?.Message ?? "it was closed"}", _lastError);
    }

    private Connection? LeastBusy()
    {
        Connection? best = null;
        foreach (var connection in Volatile.Read(ref _open))
        {
            if (best is null || connection.InFlight < best.InFlight) best = connection;
        }
        return best;
    }

    private async Task KeepAsync()
    {
        var failures = 0;
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                await using var connection = await Connection.OpenAsync(_host.Address, _settings, _closing.Token);
                Change(open => [.. open, connection], error: null);
                failures = 0;
                var reason = await connection.Closed.WaitAsync(_closing.Token);
                Change(open => [.. open.Where(c => c != connection)], reason ?? new ConnectionClosedException(_host.Address));
            }
            catch (OperationCanceledException) when (_closing.IsCancellationRequested)
            {
                return;
            }
            catch (DriverException e)
            {
                Change(open => open, e);
            }
            try
            {
                await Task.Delay(_reconnection.Delay(failures++), _settings.Time, _closing.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private void Change(Func<Connection[], Connection[]> change, Exception? error)
    {
        lock (_lock)
        {
            var open = change(_open);
            Volatile.Write(ref _open, open);
            if (error is not null && open.Length == 0) _lastError = error;
            if (error is null) _lastError = null;
            _host.IsUp = open.Length > 0;
            _first.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await Task.WhenAll(_keepers);
        _first.TrySetResult();
        _closing.Dispose();
    }
}
