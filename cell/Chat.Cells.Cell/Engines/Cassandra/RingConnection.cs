using Cassandra;
using Chat.Cells.Cell.Ports;
using ISession = Cassandra.ISession;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>
/// The store's way to the ring: connects, sets the keyspace up, prepares the statements. A ring that isn't there is waited for in the background; until it comes every call
/// fails and says why.
/// </summary>
internal sealed partial class RingConnection : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>A cell cut off from its whole ring hears no node say that another is up again: it is back within this time of the ring. The driver's own 30 s would be added to every such outage.</summary>
    private static readonly ReconnectionPolicy Reconnection = new(TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(4));

    private readonly CassandraStoreOptions options;
    private readonly TimeProvider time;
    private readonly ILoggerFactory loggers;
    private readonly ILogger logger;
    private readonly CancellationTokenSource closing = new();
    private readonly TaskCompletionSource<StoreException?> firstOutcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Ring? ring;
    private volatile StoreException reason = new("The Cassandra ring has not been reached yet.");
    private Task connecting = Task.CompletedTask;

    private RingConnection(CassandraStoreOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        this.options = options;
        this.time = time;
        this.loggers = loggers;
        logger = loggers.CreateLogger<RingConnection>();
    }

    /// <summary>Waits for the ring as long as the options say, then leaves the rest to the background.</summary>
    /// <exception cref="StoreException">The ring refuses: the message says what has to be changed.</exception>
    public static async Task<RingConnection> OpenAsync(CassandraStoreOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var connection = new RingConnection(options, time, loggers);
        connection.connecting = connection.ConnectAsync();
        try
        {
            if (await connection.firstOutcome.Task.WaitAsync(options.StartTimeout, time, cancellationToken) is { } refused) throw refused;
        }
        catch (TimeoutException)
        {
            // Nobody waits for the first outcome any more: from now on what the ring refuses is tried again too.
            if (!connection.firstOutcome.TrySetResult(null) && await connection.firstOutcome.Task is { } refused)
            {
                await connection.DisposeAsync();
                throw refused;
            }
            connection.LogWaiting(connection.reason.Message);
        }
        catch (Exception)
        {
            await connection.DisposeAsync();
            throw;
        }
        return connection;
    }

    /// <exception cref="StoreException">The ring has not been reached yet.</exception>
    public Ring Ring => ring ?? throw new StoreException(reason.Message, reason);

    private async Task ConnectAsync()
    {
        await Task.Yield();
        var pause = FirstPause;
        while (!closing.IsCancellationRequested)
        {
            try
            {
                ring = await TryConnectAsync(closing.Token);
                firstOutcome.TrySetResult(null);
                return;
            }
            catch (OperationCanceledException) when (closing.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                reason = e as StoreException ?? StoreErrors.ToStore(e);
                LogFailed(reason.Message);
                // Who waits for the opening is told at once; later on whoever has to change something may do so while the server waits.
                if (!StoreErrors.MayPass(e) && firstOutcome.TrySetResult(reason)) return;
            }
            if (!await WaitAsync(pause)) return;
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task<Ring> TryConnectAsync(CancellationToken cancellationToken)
    {
        var cluster = new Cluster(
            new ClusterOptions
            {
                ContactPoints = options.ContactPoints,
                AddressTranslator = new AddressTable(options.Addresses),
                LocalDatacenter = options.Datacenter,
                Credentials = options.Credentials,
                ReadCredentials = options.ReadCredentials,
                Tls = options.CertificateAuthorities is { } authorities ? _ => CertificateTrust.In(options.ReadAuthorities?.Invoke() ?? authorities) : null,
                ReconnectionPolicy = Reconnection,
                QueryOptions = new QueryOptions { Timeout = options.Timeout },
            },
            loggers.CreateLogger<Cluster>(),
            time);
        try
        {
            var session = await cluster.ConnectAsync(cancellationToken);
            reason = new StoreException($"The Cassandra keyspace {options.Keyspace} is being set up.");
            await new SchemaSetup(session, options, time, logger).RunAsync(cancellationToken);
            var cql = new Cql(options.Keyspace);
            var prepared = await Task.WhenAll(cql.All.Select(text => session.PrepareAsync(text, cancellationToken)));
            return new Ring(cluster, options.Between?.Invoke(session) ?? session, cql, prepared.ToDictionary(statement => statement.QueryString));
        }
        catch (Exception)
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    private async Task<bool> WaitAsync(TimeSpan pause)
    {
        try
        {
            await Task.Delay(pause, time, closing.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        await connecting;
        reason = new StoreException("The store is closed.");
        if (Interlocked.Exchange(ref ring, null) is { } open) await open.Cluster.DisposeAsync();
    }

    [LoggerMessage(510, LogLevel.Warning, "The store can't be used yet. {Reason}")]
    private partial void LogFailed(string reason);

    [LoggerMessage(511, LogLevel.Warning, "The server starts without its store and goes on trying. {Reason}")]
    private partial void LogWaiting(string reason);
}

/// <summary>A ring that is ready: connected, of the right schema, all statements prepared.</summary>
internal sealed class Ring(Cluster cluster, ISession session, Cql cql, IReadOnlyDictionary<string, PreparedStatement> prepared)
{
    public Cluster Cluster => cluster;

    public ISession Session => session;

    public Cql Cql => cql;

    /// <summary>Binds a statement of <see cref="Cql"/> that may be done twice.</summary>
    public BoundStatement Bind(string text, params object?[] values) => prepared[text].Bind(values).SetIdempotence(true);

    /// <summary>Binds a lightweight transaction.</summary>
    public BoundStatement BindConditional(string text, params object?[] values) => prepared[text].Bind(values).SetIdempotence(false);
}
