using System.Net;
using System.Runtime.ExceptionServices;
using Cassandra.Connections;
using Cassandra.Protocol;

namespace Cassandra;

/// <summary>One statement's way through the hosts.</summary>
internal sealed class Execution(Session session, ClusterOptions options, IStatement statement, CancellationToken cancellationToken)
{
    private readonly QueryOptions _defaults = options.QueryOptions;

    // Stamped once: a retried write stays the same write.
    private readonly long? _timestamp = statement.Timestamp ?? session.NextTimestamp();

    private bool Idempotent => statement.IsIdempotent ?? _defaults.DefaultIdempotence;

    public async Task<RowSet> RunAsync()
    {
        var routed = statement as BoundStatement ?? (statement as BatchStatement)?.Statements.FirstOrDefault();
        var plan = new QueryPlan(session.PlanFor(routed?.Keyspace, routed?.RoutingKey));
        if (!Idempotent || options.SpeculativeExecution is not { MaxExecutions: > 0 } speculative) return await AttemptAsync(plan, cancellationToken);
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
                    var delay = Task.Delay(speculative.Delay, session.Time, stop.Token);
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
        ServerErrorException? answer = null;
        var unanswered = false;
        var retries = 0;
        var host = plan.Next();
        while (host is not null)
        {
            Connection connection;
            try
            {
                connection = await session.TakeAsync(host, stop);
            }
            catch (DriverException e)
            {
                // Nothing was sent.
                errors[host.Address] = e;
                host = plan.Next();
                continue;
            }
            try
            {
                return await SendPreparedAsync(connection, stop);
            }
            catch (DriverException e)
            {
                errors[host.Address] = e;
                var decision = Decide(e, retries++);
                if (decision == RetryDecision.Rethrow) throw;
                unanswered |= e is OperationTimedOutException or ConnectionClosedException { WasSent: true };
                // One that did nothing takes no other's place.
                if (answer is null or UnavailableException or IsBootstrappingException && e is ServerErrorException and not UnpreparedException) answer = (ServerErrorException)e;
                if (decision == RetryDecision.RetryNextHost) host = plan.Next();
            }
        }
        // A coordinator's own words say more than that there is no further host to ask; but not where another one may have done it and didn't say.
        if (answer is not null && !unanswered) ExceptionDispatchInfo.Throw(answer);
        throw new NoHostAvailableException(errors);
    }

    private RetryDecision Decide(DriverException error, int retries)
    {
        var policy = options.RetryPolicy;
        return error switch
        {
            ReadTimeoutException e => policy.OnReadTimeout(statement, e, retries),
            WriteTimeoutException e => policy.OnWriteTimeout(statement, e, Idempotent, retries),
            UnavailableException e => policy.OnUnavailable(statement, e, retries),
            OverloadedException or IsBootstrappingException or TruncateException or InternalServerErrorException or ConnectionClosedException or OperationTimedOutException
                or BusyPoolException => policy.OnRequestError(statement, error, Idempotent, retries),
            // It forgot the statement again as soon as it was taught: not executed.
            UnpreparedException => RetryDecision.RetryNextHost,
            _ => RetryDecision.Rethrow,
        };
    }

    private async Task<RowSet> SendPreparedAsync(Connection connection, CancellationToken stop)
    {
        try
        {
            return await SendAsync(connection, stop);
        }
        catch (UnpreparedException)
        {
            await PrepareAgainAsync(connection, stop);
            return await SendAsync(connection, stop);
        }
    }

    private async Task<RowSet> SendAsync(Connection connection, CancellationToken stop)
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
        var answer = await connection.RequestAsync(request, (opcode, body) => Result.Read(opcode, body, version, columns), statement.Timeout ?? _defaults.Timeout, stop);
        return answer is SchemaChangeResult
            ? new RowSet(null, null) { IsSchemaInAgreement = await SchemaAgreement.WaitAsync(connection, [.. session.Hosts.Where(h => h.Datacenter == options.LocalDatacenter)], _defaults.Timeout, session.Time, stop) }
            : ToRows(answer, prepared);
    }

    private RowSet ToRows(Result result, PreparedStatement? prepared)
    {
        if (result is not RowsResult rows) return new RowSet(null, null);
        if (rows.NewMetadataId is { } id && prepared is not null) prepared.Result = prepared.Result with { ResultMetadataId = id, Columns = rows.Columns };
        return new RowSet(rows, (state, token) => session.ExecuteAsync(Paging.From(statement, state), token));
    }

    private async Task PrepareAgainAsync(Connection connection, CancellationToken stop)
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
            each.Result = await session.PrepareOnAsync(connection, each.QueryString, stop);
        }
    }
}

/// <summary>Hosts are handed out once, to all attempts together.</summary>
internal sealed class QueryPlan(IEnumerable<Host> hosts)
{
    private readonly IEnumerator<Host> _hosts = hosts.GetEnumerator();

    public Host? Next()
    {
        lock (_hosts) return _hosts.MoveNext() ? _hosts.Current : null;
    }
}
