using System.Collections.Concurrent;
using System.Net;
using Cassandra.Connections;
using Cassandra.Protocol;

namespace Cassandra;

/// <summary>Pools to the local hosts, and what happens to a statement: plan, send, prepare again, retry, speculate.</summary>
internal sealed class Session : ISession, ITopologyObserver, IAsyncDisposable
{
    private readonly ClusterOptions _options;
    private readonly ConnectionSettings _settings;
    private readonly TokenAwareDatacenterPolicy _balancing;
    private readonly MonotonicTimestamps _timestamps;
    private readonly ConcurrentDictionary<string, Lazy<Task<PreparedStatement>>> _prepared = new();
    private readonly Lock _lock = new();
    private readonly List<Task> _retired = [];
    private Dictionary<Host, HostPool> _pools = [];
    private volatile TokenMap _tokens = new([], new Dictionary<string, Replication>());
    private volatile IReadOnlyList<Host> _hosts = [];

    public Session(ClusterOptions options, ConnectionSettings settings)
    {
        _options = options;
        _settings = settings;
        _balancing = new TokenAwareDatacenterPolicy(options.LocalDatacenter);
        _timestamps = new MonotonicTimestamps(settings.Time);
    }

    public IReadOnlyCollection<Host> Hosts => _hosts;

    public int ProtocolVersion => _settings.Version;

    /// <summary>Opens pools to new local hosts and closes those of hosts that left.</summary>
    public void OnTopology(IReadOnlyList<Host> hosts, TokenMap tokens)
    {
        lock (_lock)
        {
            var local = hosts.Where(h => h.Datacenter == _options.LocalDatacenter).ToHashSet();
            var pools = new Dictionary<Host, HostPool>();
            foreach (var host in local)
            {
                pools[host] = _pools.TryGetValue(host, out var pool) ? pool : new HostPool(host, _options.ConnectionsPerHost, _settings, _options.ReconnectionPolicy);
            }
            foreach (var (host, pool) in _pools)
            {
                if (!local.Contains(host)) _retired.Add(pool.DisposeAsync().AsTask());
            }
            _retired.RemoveAll(t => t.IsCompletedSuccessfully);
            _pools = pools;
            _hosts = hosts;
            _tokens = tokens;
        }
    }

    /// <summary>Other nodes' opinion of a host; ours comes from the connections.</summary>
    public void OnStatus(IPEndPoint address, bool isUp)
    {
        HostPool? pool;
        lock (_lock) pool = _pools.FirstOrDefault(p => p.Key.Address.Equals(address)).Value;
        pool?.OnStatus(isUp);
    }

    /// <summary>Each text once, however many ask; a failure isn't kept.</summary>
    public Task<PreparedStatement> PrepareAsync(string cql, CancellationToken cancellationToken = default)
    {
        var preparing = _prepared.GetOrAdd(cql, text => new Lazy<Task<PreparedStatement>>(() => PrepareAndKeepAsync(text))).Value;
        // All who asked may have gone when it fails.
        if (!preparing.IsCompleted) _ = preparing.ContinueWith(static t => t.Exception, TaskScheduler.Default);
        return preparing.WaitAsync(cancellationToken);
    }

    public async Task<RowSet> ExecuteAsync(IStatement statement, CancellationToken cancellationToken = default)
    {
        var started = _settings.Time.GetTimestamp();
        try
        {
            var rows = await new Execution(this, _options, statement, cancellationToken).RunAsync();
            DriverMetrics.Answered(statement, _settings.Time.GetElapsedTime(started));
            return rows;
        }
        catch (DriverException e)
        {
            DriverMetrics.Failed(statement, e, _settings.Time.GetElapsedTime(started));
            throw;
        }
    }

    private async Task<PreparedStatement> PrepareAndKeepAsync(string cql)
    {
        // Never completes before it is in the dictionary.
        await Task.Yield();
        var kept = false;
        try
        {
            var statement = await PrepareOnAnyHostAsync(cql);
            kept = true;
            return statement;
        }
        finally
        {
            if (!kept) _prepared.TryRemove(cql, out _);
        }
    }

    private async Task<PreparedStatement> PrepareOnAnyHostAsync(string cql)
    {
        var errors = new Dictionary<IPEndPoint, Exception>();
        foreach (var host in _balancing.NewQueryPlan(_hosts, []))
        {
            try
            {
                var connection = await TakeAsync(host, CancellationToken.None);
                return new PreparedStatement(cql, await PrepareOnAsync(connection, cql, CancellationToken.None));
            }
            catch (DriverException e) when (e is not (SyntaxErrorException or InvalidQueryException or UnauthorizedException))
            {
                errors[host.Address] = e;
            }
        }
        throw new NoHostAvailableException(errors);
    }

    /// <summary>Has one host parse a statement.</summary>
    public Task<PreparedResult> PrepareOnAsync(Connection connection, string cql, CancellationToken cancellationToken) => connection.RequestAsync(
        Requests.Prepare(cql, connection.Version),
        (opcode, body) => Result.Read(opcode, body, connection.Version, null) as PreparedResult ?? throw new DriverInternalError("A PREPARE brought no prepared statement."),
        _options.QueryOptions.Timeout,
        cancellationToken);

    /// <exception cref="DriverException">The host has no connection.</exception>
    public ValueTask<Connection> TakeAsync(Host host, CancellationToken cancellationToken)
    {
        HostPool? pool;
        lock (_lock) _pools.TryGetValue(host, out pool);
        return pool?.TakeAsync(_settings.ConnectTimeout, cancellationToken) ?? throw new DriverException($"{host} is not in the local datacenter '{_options.LocalDatacenter}'.");
    }

    /// <summary>The hosts to try, replicas of the key first.</summary>
    public IEnumerable<Host> PlanFor(string? keyspace, byte[]? routingKey) =>
        _balancing.NewQueryPlan(_hosts, keyspace is not null && routingKey is not null ? _tokens.ReplicasOf(keyspace, routingKey) : []);

    public long NextTimestamp() => _timestamps.Next();

    public TimeProvider Time => _settings.Time;

    public async ValueTask DisposeAsync()
    {
        OnTopology([], new TokenMap([], new Dictionary<string, Replication>()));
        Task[] retired;
        lock (_lock) retired = [.. _retired];
        await Task.WhenAll(retired);
    }
}
