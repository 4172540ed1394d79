using System.Net;
using System.Threading.Channels;
using Cassandra.Protocol;
using Microsoft.Extensions.Logging;

namespace Cassandra.Connections;

/// <summary>
/// The connection that watches the cluster: it registers for topology, status and schema events and reads the system tables after each. When it breaks it goes to
/// another host.
/// </summary>
internal sealed partial class ControlConnection : IAsyncDisposable
{
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(500);

    private readonly IReadOnlyList<IPEndPoint> _contactPoints;
    private readonly ConnectionSettings _settings;
    private readonly ReconnectionPolicy _reconnection;
    private readonly Action<IReadOnlyList<Host>, TokenMap> _onTopology;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing = new();
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IReadOnlyList<Host> _hosts = [];
    private Task _running = Task.CompletedTask;

    public ControlConnection(
        IReadOnlyList<IPEndPoint> contactPoints,
        ConnectionSettings settings,
        ReconnectionPolicy reconnection,
        Action<IReadOnlyList<Host>, TokenMap> onTopology,
        ILogger logger)
    {
        _contactPoints = contactPoints;
        _settings = settings with { OnEvent = OnEvent };
        _reconnection = reconnection;
        _onTopology = onTopology;
        _logger = logger;
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
            foreach (var host in Candidates())
            {
                try
                {
                    await using var connection = await Connection.OpenAsync(host, _settings, _closing.Token);
                    failures = 0;
                    await WatchAsync(connection);
                }
                catch (OperationCanceledException) when (_closing.IsCancellationRequested)
                {
                    return;
                }
                catch (DriverException e)
                {
                    errors[host] = e;
                    LogFailed(host, e.Message);
                    if (e is UnsupportedVersionException or AuthenticationException && _ready.TrySetException(e)) return;
                }
            }
            if (_ready.TrySetException(new NoHostAvailableException(errors))) return;
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

    private async Task WatchAsync(Connection connection)
    {
        // Registered before it is read: no change falls between.
        await connection.RequestAsync(Requests.Register("TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"), static (_, _) => true, _settings.RequestTimeout, _closing.Token);
        await RefreshAsync(connection);
        _ready.TrySetResult();
        while (true)
        {
            var changed = _changed.Reader.ReadAsync(_closing.Token).AsTask();
            if (await Task.WhenAny(changed, connection.Closed) != changed) throw new ConnectionClosedException(connection.Host, await connection.Closed);
            await changed;
            // Events come in bursts, and a little before the system tables have them.
            await Task.Delay(SettleTime, _settings.Time, _closing.Token);
            await RefreshAsync(connection);
        }
    }

    private async Task RefreshAsync(Connection connection)
    {
        var known = _hosts.ToDictionary(h => h.HostId);
        _hosts = await TopologyReader.ReadHostsAsync(connection, known, _settings.RequestTimeout, _closing.Token);
        var keyspaces = await TopologyReader.ReadKeyspacesAsync(connection, _settings.RequestTimeout, _closing.Token);
        _onTopology(_hosts, new TokenMap(_hosts, keyspaces));
    }

    private void OnEvent(ServerEvent change)
    {
        if (change is StatusChange status && _hosts.FirstOrDefault(h => h.Address.Equals(status.Host)) is { } host && !status.IsUp) host.IsUp = false;
        _changed.Writer.TryWrite(true);
    }

    private IEnumerable<IPEndPoint> Candidates() => _hosts.Where(h => h.IsUp).Select(h => h.Address).Concat(_contactPoints).Distinct().ToList();

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _running;
        _closing.Dispose();
    }

    [LoggerMessage(1, LogLevel.Warning, "Can't watch the Cassandra cluster from {Host}: {Reason}")]
    private partial void LogFailed(IPEndPoint host, string reason);
}
