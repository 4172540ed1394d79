namespace Cassandra;

/// <summary>Orders the hosts to try for a statement.</summary>
public interface ILoadBalancingPolicy
{
    /// <summary>The hosts in the order in which they are tried. <paramref name="replicas"/> hold the statement's partition (possibly none known).</summary>
    IEnumerable<Host> NewQueryPlan(IReadOnlyCollection<Host> hosts, IReadOnlyList<Host> replicas);
}

/// <summary>Replicas in the local datacenter first, in random order, then its other hosts in turn. Never another datacenter: LOCAL_QUORUM means the same everywhere.</summary>
/// <param name="localDatacenter">Its name, as the cluster spells it.</param>
public sealed class TokenAwareDatacenterPolicy(string localDatacenter) : ILoadBalancingPolicy
{
    private int _next;

    public string LocalDatacenter { get; } = localDatacenter;

    public IEnumerable<Host> NewQueryPlan(IReadOnlyCollection<Host> hosts, IReadOnlyList<Host> replicas)
    {
        // Looked at once, so that a host that goes up or down meanwhile is neither left out nor handed out twice.
        var up = hosts.Where(h => h.IsUp && h.Datacenter == LocalDatacenter).OrderBy(h => h.HostId).ToArray();
        var down = hosts.Where(h => h.Datacenter == LocalDatacenter).Except(up).ToArray();
        var first = replicas.Where(up.Contains).ToArray();
        Random.Shared.Shuffle(first);
        var others = up.Except(first).ToArray();
        var start = (uint)Interlocked.Increment(ref _next);
        foreach (var host in first) yield return host;
        for (uint i = 0; i < others.Length; i++) yield return others[(start + i) % (uint)others.Length];
        // The thought that they are down may be old.
        foreach (var host in down) yield return host;
    }
}

/// <summary>What to do after a failure.</summary>
public enum RetryDecision
{
    /// <summary>The caller gets the error.</summary>
    Rethrow,

    /// <summary>Once more on the same host.</summary>
    RetrySameHost,

    /// <summary>On the next host of the plan.</summary>
    RetryNextHost,
}

/// <summary>Decides after each failure. <c>retries</c> counts those made so far for this statement.</summary>
public interface IRetryPolicy
{
    RetryDecision OnReadTimeout(IStatement statement, ReadTimeoutException error, int retries);
    RetryDecision OnWriteTimeout(IStatement statement, WriteTimeoutException error, bool idempotent, int retries);
    RetryDecision OnUnavailable(IStatement statement, UnavailableException error, int retries);

    /// <summary>The connection broke, the host is overloaded or starting, failed inside, or didn't answer in time.</summary>
    RetryDecision OnRequestError(IStatement statement, Exception error, bool idempotent, int retries);
}

/// <summary>Retries only what can't harm: reads whose data arrived late, batch-log writes, idempotent writes, and what certainly was not done.</summary>
public sealed class DefaultRetryPolicy : IRetryPolicy
{
    private const int MaxHosts = 3;

    public RetryDecision OnReadTimeout(IStatement statement, ReadTimeoutException error, int retries) =>
        retries == 0 && error.ReceivedAcknowledgements >= error.RequiredAcknowledgements && !error.WasDataRetrieved ? RetryDecision.RetrySameHost : RetryDecision.Rethrow;

    public RetryDecision OnWriteTimeout(IStatement statement, WriteTimeoutException error, bool idempotent, int retries) =>
        retries == 0 && (idempotent || error.WriteType == "BATCH_LOG") ? RetryDecision.RetrySameHost : RetryDecision.Rethrow;

    public RetryDecision OnUnavailable(IStatement statement, UnavailableException error, int retries) =>
        retries == 0 ? RetryDecision.RetryNextHost : RetryDecision.Rethrow;

    public RetryDecision OnRequestError(IStatement statement, Exception error, bool idempotent, int retries)
    {
        // Bootstrapping, a full pool, a connection that was gone before: certainly not done. Anything else may have been.
        var notDone = error is IsBootstrappingException or BusyPoolException or ConnectionClosedException { WasSent: false };
        return (notDone || idempotent) && retries < MaxHosts ? RetryDecision.RetryNextHost : RetryDecision.Rethrow;
    }
}

/// <summary>Sends an idempotent statement to a further host when the first is slow to answer.</summary>
/// <param name="Delay">How long each host is given.</param>
/// <param name="MaxExecutions">Further hosts at most.</param>
public sealed record SpeculativeExecution(TimeSpan Delay, int MaxExecutions);

/// <summary>Waits between attempts to reconnect: doubling, with jitter, from first to longest.</summary>
public sealed record ReconnectionPolicy(TimeSpan First, TimeSpan Longest)
{
    public static readonly ReconnectionPolicy Default = new(TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(30));

    public TimeSpan Delay(int failures)
    {
        var longest = Math.Min(Longest.TotalMilliseconds, First.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 16)));
        return TimeSpan.FromMilliseconds(longest * (0.5 + (Random.Shared.NextDouble() / 2)));
    }
}

/// <summary>What statements that say nothing themselves are executed with.</summary>
public sealed record QueryOptions
{
    public ConsistencyLevel ConsistencyLevel { get; init; } = ConsistencyLevel.LocalQuorum;
    public ConsistencyLevel SerialConsistencyLevel { get; init; } = ConsistencyLevel.LocalSerial;
    public int PageSize { get; init; } = 5_000;
    public bool DefaultIdempotence { get; init; }

    /// <summary>How long the driver waits for a host's answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(12);
}

/// <summary>Client timestamps in µs: the clock's, but always growing.</summary>
internal sealed class MonotonicTimestamps(TimeProvider time)
{
    private long _last;

    public long Next()
    {
        while (true)
        {
            var last = Volatile.Read(ref _last);
            var now = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
            var next = Math.Max(now, last + 1);
            if (Interlocked.CompareExchange(ref _last, next, last) == last) return next;
        }
    }
}
