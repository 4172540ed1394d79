using System.Collections.Concurrent;
using System.Net;
using Cassandra.Connections;
using Cassandra.Protocol;

namespace Cassandra;

/// <summary>Pools to the local hosts, and what happens to a statement: plan, send, prepare again, retry, speculate.</summary>
internal sealed class Session : ISession, IAsyncDisposable
{
    private readonly ClusterOptions _options;
    private readonly ConnectionSettings _settings;
    private readonly TokenAwareDatacenterPolicy _balancing;
    private readonly MonotonicTimestamps _timestamps;
    private readonly ConcurrentDictionary<string, Task<PreparedStatement>> _prepared = new();
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

    public async Task<PreparedStatement> PrepareAsync(string cql, CancellationToken cancellationToken = default)
    {
        var task = _prepared.GetOrAdd(cql, text => PrepareOnAnyHostAsync(text));
        try
        {
            return await task.WaitAsync(cancellationToken);
        }
        catch (DriverException)
        {
            _prepared.TryRemove(new KeyValuePair<string, Task<PreparedStatement>>(cql, task));
            throw;
        }
    }

    public async Task<RowSet> ExecuteAsync(IStatement statement, CancellationToken cancellationToken = default)
    {
        var execution = new Execution(this, statement, cancellationToken);
        return await execution.RunAsync();
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

    private Task<PreparedResult> PrepareOnAsync(Connection connection, string cql, CancellationToken cancellationToken) => connection.RequestAsync(
        Requests.Prepare(cql, connection.Version),
        (_, body) => ReadResult(body, connection.Version, null) as PreparedResult ?? throw new DriverInternalError("A PREPARE brought no prepared statement."),
        _options.QueryOptions.Timeout,
        cancellationToken);

    private ValueTask<Connection> TakeAsync(Host host, CancellationToken cancellationToken)
    {
        HostPool? pool;
        lock (_lock) _pools.TryGetValue(host, out pool);
        return pool?.TakeAsync(_settings.ConnectTimeout, cancellationToken) ?? throw new DriverException($"{host} is not in the local datacenter '{_options.LocalDatacenter}'.");
    }

    private static Result ReadResult(ReadOnlyMemory<byte> body, byte version, IReadOnlyList<CqlColumn>? known)
    {
        var reader = new BodyReader(body);
        return Result.Read(ref reader, version, known);
    }

    public async ValueTask DisposeAsync()
    {
        OnTopology([], new TokenMap([], new Dictionary<string, Replication>()));
        Task[] retired;
        lock (_lock) retired = [.. _retired];
        await Task.WhenAll(retired);
    }

    /// <summary>One statement's way through the hosts.</summary>
    private sealed class Execution(Session session, IStatement statement, CancellationToken cancellationToken)
    {
        private readonly QueryOptions _defaults = session._options.QueryOptions;

        // Stamped once: a retried write stays the same write.
        private readonly long? _timestamp = statement.Timestamp ?? session._timestamps.Next();

        private bool Idempotent => statement.IsIdempotent ?? _defaults.DefaultIdempotence;

        public async Task<RowSet> RunAsync()
        {
            var plan = new QueryPlan(session._balancing.NewQueryPlan(session._hosts, Replicas()));
            if (!Idempotent || session._options.SpeculativeExecution is not { MaxExecutions: > 0 } speculative) return await AttemptAsync(plan, cancellationToken);
            return await SpeculateAsync(plan, speculative);
        }

        private async Task<RowSet> SpeculateAsync(QueryPlan plan, SpeculativeExecution speculative)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var running = new List<Task<RowSet>> { AttemptAsync(plan, stop.Token) };
            var started = 1;
            Exception? last = null;
            try
            {
                while (running.Count > 0)
                {
                    var waiting = Task.WhenAny(running);
                    if (started <= speculative.MaxExecutions)
                    {
                        var delay = Task.Delay(speculative.Delay, session._settings.Time, stop.Token);
                        if (await Task.WhenAny(waiting, delay) == delay)
                        {
                            started++;
                            running.Add(AttemptAsync(plan, stop.Token));
                            continue;
                        }
                    }
                    var done = await waiting;
                    running.Remove(done);
                    try
                    {
                        return await done;
                    }
                    catch (DriverException e)
                    {
                        // An attempt that found the plan used up says less than one that was answered.
                        if (last is null || e is not NoHostAvailableException) last = e;
                    }
                }
            }
            finally
            {
                await stop.CancelAsync();
                foreach (var late in running) _ = late.ContinueWith(static t => t.Exception, TaskScheduler.Default);
            }
            throw last!;
        }

        private async Task<RowSet> AttemptAsync(QueryPlan plan, CancellationToken stop)
        {
            var errors = new Dictionary<IPEndPoint, Exception>();
            var retries = 0;
            var host = plan.Next();
            while (host is not null)
            {
                var decision = RetryDecision.RetryNextHost;
                try
                {
                    var connection = await session.TakeAsync(host, stop);
                    try
                    {
                        return await SendAsync(connection, stop);
                    }
                    catch (UnpreparedException e)
                    {
                        await PrepareAgainAsync(connection, e.Id, stop);
                        return await SendAsync(connection, stop);
                    }
                }
                catch (DriverException e)
                {
                    errors[host.Address] = e;
                    decision = Decide(e, retries++);
                    if (decision == RetryDecision.Rethrow) throw;
                }
                if (decision == RetryDecision.RetryNextHost) host = plan.Next();
            }
            throw new NoHostAvailableException(errors);
        }

        private RetryDecision Decide(DriverException error, int retries)
        {
            var policy = session._options.RetryPolicy;
            return error switch
            {
                ReadTimeoutException e => policy.OnReadTimeout(statement, e, retries),
                WriteTimeoutException e => policy.OnWriteTimeout(statement, e, Idempotent, retries),
                UnavailableException e => policy.OnUnavailable(statement, e, retries),
                OverloadedException or IsBootstrappingException or TruncateException or ConnectionClosedException or OperationTimedOutException or BusyPoolException =>
                    policy.OnRequestError(statement, error, Idempotent, retries),
                ServerErrorException or DriverInternalError => RetryDecision.Rethrow,
                // No connection could be had: nothing was sent.
                _ => RetryDecision.RetryNextHost,
            };
        }

        private IReadOnlyList<Host> Replicas()
        {
            var bound = statement as BoundStatement ?? (statement as BatchStatement)?.Statements.FirstOrDefault();
            return bound is { Keyspace: { } keyspace, RoutingKey: { } key } ? session._tokens.ReplicasOf(keyspace, key) : [];
        }

        private Task<RowSet> SendAsync(Connection connection, CancellationToken stop)
        {
            var version = connection.Version;
            var parameters = new QueryParameters
            {
                Consistency = statement.ConsistencyLevel ?? _defaults.ConsistencyLevel,
                SerialConsistency = statement.SerialConsistencyLevel ?? _defaults.SerialConsistencyLevel,
                PageSize = (statement.PageSize ?? _defaults.PageSize) is > 0 and var size ? size : null,
                PagingState = statement.PagingState,
                Timestamp = _timestamp,
            };
            IReadOnlyList<CqlColumn>? columns = null;
            PreparedStatement? prepared = null;
            Request request;
            switch (statement)
            {
                case SimpleStatement simple:
                    request = Requests.Query(simple.QueryString, parameters, version);
                    break;
                case BoundStatement bound:
                    prepared = bound.PreparedStatement;
                    var result = prepared.Result;
                    columns = result.Columns;
                    // v5 says when the columns have changed; v4 doesn't, so that there they are sent with every result.
                    request = Requests.Execute(result.Id, result.ResultMetadataId, parameters with { Values = bound.Values, SkipMetadata = version >= 5 && columns.Count > 0 }, version);
                    break;
                case BatchStatement batch:
                    request = Requests.Batch(
                        batch.BatchType, [.. batch.Statements.Select(s => new BatchEntry(null, s.PreparedStatement.Result.Id, s.Values))], parameters, version);
                    break;
                default:
                    throw new ArgumentException($"Statements of type {statement.GetType().Name} are not known.");
            }
            return connection.RequestAsync(request, (_, body) => ToRows(ReadResult(body, version, columns), prepared), statement.Timeout ?? _defaults.Timeout, stop);
        }

        private RowSet ToRows(Result result, PreparedStatement? prepared)
        {
            if (result is not RowsResult rows) return new RowSet(null, null);
            if (rows.NewMetadataId is { } id && prepared is not null) prepared.Result = prepared.Result with { ResultMetadataId = id, Columns = rows.Columns };
            return new RowSet(rows, (state, token) => session.ExecuteAsync(Paging.From(statement, state), token));
        }

        private async Task PrepareAgainAsync(Connection connection, byte[] id, CancellationToken stop)
        {
            var prepared = statement switch
            {
                BoundStatement bound => [bound.PreparedStatement],
                BatchStatement batch => batch.Statements.Select(s => s.PreparedStatement).Distinct(),
                _ => throw new DriverInternalError("A host did not know a statement that was not prepared."),
            };
            // All of a batch: the host forgot more than the first, usually.
            foreach (var each in prepared)
            {
                var again = await session.PrepareOnAsync(connection, each.QueryString, stop);
                if (!again.Id.AsSpan().SequenceEqual(each.Result.Id) && again.Id.AsSpan().SequenceEqual(id)) throw new DriverInternalError("A statement got another id when it was prepared again.");
                each.Result = again;
            }
        }
    }

    /// <summary>Hosts are handed out once, to all attempts together.</summary>
    private sealed class QueryPlan(IEnumerable<Host> hosts)
    {
        private readonly IEnumerator<Host> _hosts = hosts.GetEnumerator();

        public Host? Next()
        {
            lock (_hosts) return _hosts.MoveNext() ? _hosts.Current : null;
        }
    }
}
