using System.Net;
using System.Threading.Channels;
using Cassandra.Protocol;
using Microsoft.Extensions.Logging;

namespace Cassandra.Connections;

/// <summary>What the control connection tells the session.</summary>
internal interface ITopologyObserver
{
    void OnTopology(IReadOnlyList<Host> hosts, TokenMap tokens);

    void OnStatus(IPEndPoint host, bool isUp);
}

/// <summary>
/// The connection that watches the cluster: it registers for topology, status and schema events and reads the system tables after each, and now and then without one. When it
/// breaks it goes to another host.
/// </summary>
internal sealed partial class ControlConnection : IAsyncDisposable
{
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMinutes(5);

    private readonly Func<CancellationToken, Task<IReadOnlyList<IPEndPoint>>> _contactPoints;
    private readonly ConnectionSettings _settings;
    private readonly ReconnectionPolicy _reconnection;
    private readonly ITopologyObserver _observer;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing = new();
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IReadOnlyList<Host> _hosts = [];
    private Task _running = Task.CompletedTask;

    /// <param name="contactPoints">Resolves them, anew for each attempt: addresses behind names change.</param>
    public ControlConnection(
        Func<CancellationToken, Task<IReadOnlyList<IPEndPoint>>> contactPoints, ConnectionSettings settings, ReconnectionPolicy reconnection, ITopologyObserver observer)
    {
        _contactPoints = contactPoints;
        _settings = settings with { OnEvent = OnEvent };
        _reconnection = reconnection;
        _observer = observer;
        _logger = settings.Logger;
    }

    /// <summary>Completes when the topology was read for the first time.</summary>
    /// <exception cref="NoHostAvailableException">No contact point could be used.</exception>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _running = RunAsync();
        return _ready.Task.WaitAsync(cancellationToken);
    }

    private async Task RunAsync()
    {
        var failures = 0;
        while (!_closing.IsCancellationRequested)
        {
            var errors = new Dictionary<IPEndPoint, Exception>();
            try
            {
                foreach (var host in await CandidatesAsync())
                {
                    var error = await TryWatchAsync(host, () => failures = 0);
                    if (_closing.IsCancellationRequested) return;
                    errors[host] = error;
                    LogFailed(host, error.Message);
                    // Another contact point would say the same.
                    if (error is UnsupportedVersionException or AuthenticationException && _ready.TrySetException(error)) return;
                }
                if (_ready.TrySetException(new NoHostAvailableException(errors))) return;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (DriverException e)
            {
                // The contact points' names can't be resolved.
                if (_ready.TrySetException(e)) return;
                LogUnresolved(e.Message);
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

    /// <summary>Watches until that fails: why.</summary>
    private async Task<Exception> TryWatchAsync(IPEndPoint host, Action onReady)
    {
        try
        {
            await using var connection = await Connection.OpenAsync(host, _settings, _closing.Token);
            await WatchAsync(connection, onReady);
            return new ConnectionClosedException(host, await connection.Closed);
        }
        catch (Exception e)
        {
            // Whatever it is, the next host may do better; that nobody watched would be worse.
            return e;
        }
    }

    private async Task WatchAsync(Connection connection, Action onReady)
    {
        // Registered before it is read: no change falls between.
        await connection.RequestAsync(Requests.Register("TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"), static (_, _) => true, _settings.RequestTimeout, _closing.Token);
        await RefreshAsync(connection);
        onReady();
        _ready.TrySetResult();
        while (true)
        {
            using var turn = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
            // Waits without taking: a wait left behind by a broken connection must not swallow an event of the next.
            var changed = _changed.Reader.WaitToReadAsync(turn.Token).AsTask();
            var first = await Task.WhenAny(changed, connection.Closed, Task.Delay(RefreshInterval, _settings.Time, turn.Token));
            await turn.CancelAsync();
            if (first == connection.Closed) return;
            _closing.Token.ThrowIfCancellationRequested();
            // Events come in bursts, and a little before the system tables have them.
            await Task.Delay(SettleTime, _settings.Time, _closing.Token);
            _changed.Reader.TryRead(out _);
            await RefreshAsync(connection);
        }
    }

    private async Task RefreshAsync(Connection connection)
    {
        var known = _hosts.ToDictionary(h => h.HostId);
        var hosts = await TopologyReader.ReadHostsAsync(connection, known, _settings, _closing.Token);
        var keyspaces = await TopologyReader.ReadKeyspacesAsync(connection, _settings.RequestTimeout, _closing.Token);
        Volatile.Write(ref _hosts, hosts);
        _observer.OnTopology(hosts, new TokenMap(hosts, keyspaces));
    }

    private void OnEvent(ServerEvent change)
    {
        if (change is StatusChange status) _observer.OnStatus(_settings.Translate(status.Host), status.IsUp);
        _changed.Writer.TryWrite(true);
    }

    // Those thought to be down come after those thought to be up; contact points last, for when all addresses have changed.
    private async Task<IReadOnlyList<IPEndPoint>> CandidatesAsync()
    {
        var known = Volatile.Read(ref _hosts).OrderByDescending(h => h.IsUp).Select(h => h.Address).ToList();
        try
        {
            return [.. known.Concat(await _contactPoints(_closing.Token)).Distinct()];
        }
        catch (DriverException e) when (known.Count > 0)
        {
            LogUnresolved(e.Message);
            return known;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _running;
    }

    [LoggerMessage(1, LogLevel.Warning, "Can't watch the Cassandra cluster from {Host}: {Reason}")]
    private partial void LogFailed(IPEndPoint host, string reason);

    [LoggerMessage(4, LogLevel.Warning, "{Reason}")]
    private partial void LogUnresolved(string reason);
}
