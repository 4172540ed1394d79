using System.Collections.Concurrent;
using System.Text;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Operator.Tests.Cluster;

/// <summary>An operator in this process. Can be made to die after any of its writes, as a process does: nothing it sends after that arrives.</summary>
public sealed class RunningOperator : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly KubernetesClient _client;
    private readonly ChatCellOperator _operator;
    private readonly Task _run;

    private RunningOperator(TestCluster cluster, FakeProbe probe, OperatorOptions options, TimeProvider time, int? dieAfterWrites, ILoggerFactory loggers)
    {
        Writes = new WriteCounter(dieAfterWrites);
        _client = new KubernetesClient(cluster.Configuration, time, inner =>
        {
            Writes.InnerHandler = inner;
            return Writes;
        });
        _operator = new ChatCellOperator(_client, options, probe, new RandomSecretSource(), loggers, time);
        _run = Task.Run(() => _operator.RunAsync(_stop.Token));
    }

    public WriteCounter Writes { get; }

    public bool IsLeader => _operator.IsLeader;

    public bool IsReady => _operator.IsReady;

    public static RunningOperator Start(
        TestCluster cluster, FakeProbe? probe = null, Func<OperatorOptions, OperatorOptions>? configure = null, TimeProvider? time = null, int? dieAfterWrites = null, ILoggerFactory? loggers = null)
    {
        var options = new OperatorOptions
        {
            Namespace = cluster.SystemNamespace,
            LeaderElection = false,
            DrainSettle = TimeSpan.Zero,
            DeletionPoll = TimeSpan.FromMilliseconds(200),
            ReportInterval = TimeSpan.FromSeconds(1),
        };
        return new RunningOperator(cluster, probe ?? new FakeProbe(), configure?.Invoke(options) ?? options, time ?? TimeProvider.System, dieAfterWrites, loggers ?? NullLoggerFactory.Instance);
    }

    /// <summary>Stops it as SIGTERM does.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.WaitAsync(TimeSpan.FromSeconds(60));
        _operator.Dispose();
        _client.Dispose();
        _stop.Dispose();
    }
}

/// <summary>Counts what an operator writes (leases apart) and, at a given count, cuts it off.</summary>
public sealed class WriteCounter(int? dieAfter) : DelegatingHandler
{
    private readonly SemaphoreSlim _oneByOne = new(1, 1);
    private volatile bool _isDead;

    /// <summary>Method and path of every write, in order.</summary>
    public ConcurrentQueue<string> Written { get; } = new();

    public bool IsDead => _isDead;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ThrowIfDead();
        if (request.Method == HttpMethod.Get || request.RequestUri!.AbsolutePath.Contains("/leases", StringComparison.Ordinal))
        {
            return await base.SendAsync(request, cancellationToken);
        }
        // One by one, so that "after the n-th write" means something.
        await _oneByOne.WaitAsync(cancellationToken);
        try
        {
            ThrowIfDead();
            var response = await base.SendAsync(request, cancellationToken);
            if (response.IsSuccessStatusCode)
            {
                Written.Enqueue($"{request.Method} {request.RequestUri!.AbsolutePath}");
                if (Written.Count >= dieAfter)
                {
                    // The write arrived; the answer did not.
                    _isDead = true;
                    response.Dispose();
                    ThrowIfDead();
                }
            }
            return response;
        }
        finally
        {
            _oneByOne.Release();
        }
    }

    private void ThrowIfDead()
    {
        if (_isDead)
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, "this process is dead");
        }
    }
}

/// <summary>Answers for cells: none, unless told.</summary>
public sealed class FakeProbe : ICellProbe
{
    private readonly ConcurrentDictionary<string, CellReport> _reports = new();

    /// <summary>What every cell answers that has no answer of its own.</summary>
    public CellReport? Otherwise { get; set; }

    /// <summary>Another answer each time.</summary>
    public Func<CellReport>? Each { get; set; }

    public ConcurrentQueue<string> Tokens { get; } = new();

    public void Forget(string internalUrl) => _reports.TryRemove(internalUrl, out _);

    public void Set(string internalUrl, CellReport report) => _reports[internalUrl] = report;

    public Task<CellReport?> ReadAsync(string internalUrl, byte[] token, CancellationToken cancellationToken)
    {
        Tokens.Enqueue(Encoding.ASCII.GetString(token));
        return Task.FromResult(_reports.TryGetValue(internalUrl, out var report) ? report : Each?.Invoke() ?? Otherwise);
    }

    /// <summary>A server answers when there is a report for its address, and finds its engines well.</summary>
    public Task<ServerReport?> ReadServerAsync(string name, string internalUrl, byte[] token, CancellationToken cancellationToken)
    {
        Tokens.Enqueue(Encoding.ASCII.GetString(token));
        return Task.FromResult(_reports.TryGetValue(internalUrl, out var report)
            ? new ServerReport(name, report, new Dictionary<string, string> { ["log"] = "ok", ["store"] = "ok", ["state"] = "ok" })
            : null);
    }
}

/// <summary>Keeps every line that is logged, of every level.</summary>
public sealed class CapturedLog : ILoggerProvider, ILogger
{
    public ConcurrentQueue<string> Lines { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue(formatter(state, exception) + exception);

    public void Dispose()
    {
    }
}
