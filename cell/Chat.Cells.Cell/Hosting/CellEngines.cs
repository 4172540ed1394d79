using Chat.Cells.Cell.Engines.Cassandra;
using Chat.Cells.Cell.Engines.Files;
using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Engines.Memory;
using Chat.Cells.Cell.Engines.Redis;
using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Hosting;

/// <summary>The engines behind the ports. Several servers of one cell may share them in one process (tests do); whoever opened them disposes them, after all servers have stopped.</summary>
public sealed record CellEngines(IMessageLog Log, IMessageStore Store, IAccountStore Accounts, ICellState State) : IAsyncDisposable
{
    /// <summary>The file of the secrets folder with who signed the certificates of Redis' servers. When it is there all connections are TLS.</summary>
    public const string RedisAuthoritiesFile = "redis-ca.pem";

    /// <summary>Opens the engines that the options name, each port's by itself: any log goes with any store and any state.</summary>
    /// <exception cref="OptionsException">The secrets, Kafka's or Cassandra's settings can't be used, or Kafka's native library is missing.</exception>
    /// <exception cref="LogException">Another process has the folder, or it can't be used.</exception>
    /// <exception cref="StoreException">The store can't be opened.</exception>
    /// <exception cref="CellStateException">Redis refuses the password. A Redis that isn't there yet is no error: it is connected to when it comes.</exception>
    public static async Task<CellEngines> OpenAsync(CellOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var opened = new Stack<object>();
        try
        {
            var state = Opened(await OpenStateAsync(options, time, loggers));
            // The embedded log comes first: that only one process can have it is what keeps others from the store's journal.
            var embedded = options.Log == "kafka" ? null : Opened(await OpenSegmentLogAsync(options.DataDirectory, time, loggers, cancellationToken));
            var store = Opened(await OpenStoreAsync(options, time, loggers, cancellationToken));
            IMessageLog log = embedded is not null ? embedded : Opened(OpenKafka(options, store as ITopicGenerations, time, loggers));
            return new CellEngines(log, store, (IAccountStore)store, state);
        }
        catch (Exception)
        {
            while (opened.TryPop(out var engine))
            {
                if (engine is IAsyncDisposable disposable) await disposable.DisposeAsync();
            }
            throw;
        }

        T Opened<T>(T engine)
            where T : class
        {
            opened.Push(engine);
            return engine;
        }
    }

    private static async ValueTask<ICellState> OpenStateAsync(CellOptions options, TimeProvider time, ILoggerFactory loggers) =>
        options.State == "redis"
            ? await RedisCellState.ConnectAsync(ReadRedis(options, time, loggers), loggers.CreateLogger<RedisCellState>(), time)
            : new MemoryCellState(time);

    /// <summary>Every engine of the store keeps accounts too.</summary>
    private static async ValueTask<IMessageStore> OpenStoreAsync(CellOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        options.Store == "cassandra"
            ? await CassandraStore.OpenAsync(CassandraSettings.From(options, SecretsLogger(loggers)), time, loggers, cancellationToken)
            : await OpenSqliteAsync(options.DataDirectory, alone: options.Log == "embedded" || options.HasAllRoles, time, loggers, cancellationToken);

    private static ILogger SecretsLogger(ILoggerFactory loggers) => loggers.CreateLogger("Chat.Cells.Cell.Hosting.EngineSecrets");

    private static RedisOptions ReadRedis(CellOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        using var folder = new SecretsFolder(options, time, loggers.CreateLogger<SecretsFolder>());
        var secrets = folder.Current;
        var logger = SecretsLogger(loggers);
        var authorities = EngineSecrets.ReadAuthorities(options, RedisAuthoritiesFile);
        return new RedisOptions
        {
            Endpoints = options.Redis ?? throw new OptionsException("--state redis needs --redis host:port."),
            Password = secrets.RedisPassword,
            ReadPassword = EngineSecrets.Again(
                secrets.RedisPassword, () => EngineSecrets.Read(options, CellSecrets.RedisPasswordFile)?.Trim() is { Length: > 0 } password ? password : null, logger),
            ReadAuthorities = authorities is null
                ? null
                : EngineSecrets.Again(authorities, () => EngineSecrets.ReadAuthorities(options, RedisAuthoritiesFile) ?? throw new OptionsException($"The secret {RedisAuthoritiesFile} is gone."), logger),
            Prefix = options.Cell + ":",
            SigningKey = secrets.ServerMessageKey ?? throw new OptionsException($"--state redis needs the secret {CellSecrets.InternalTokenFile}: what servers send each other is signed."),
        };
    }

    private static KafkaLog OpenKafka(CellOptions options, ITopicGenerations? generations, TimeProvider time, ILoggerFactory loggers)
    {
        var kafka = KafkaSettings.From(options, SecretsLogger(loggers));
        try
        {
            return new KafkaLog(kafka, time, loggers.CreateLogger<KafkaLog>(), generations: generations);
        }
        catch (DllNotFoundException e)
        {
            throw new OptionsException($"--log kafka: {e.Message}");
        }
        catch (InvalidOperationException e)
        {
            // Names the setting.
            throw new OptionsException($"--log kafka: {KafkaSettings.SecretsFile} has a setting that Kafka's client doesn't know: {e.Message}");
        }
        catch (ArgumentException)
        {
            // The client's own words would show the value.
            throw new OptionsException($"--log kafka: Kafka's client refuses a value in {KafkaSettings.SecretsFile}, or --kafka-bootstrap.");
        }
    }

    private static async ValueTask<SegmentLog> OpenSegmentLogAsync(string dataDirectory, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(dataDirectory);
        return await SegmentLog.OpenAsync(Path.Combine(dataDirectory, "log"), new SegmentLogOptions(), time, loggers.CreateLogger<SegmentLog>(), cancellationToken);
    }

    /// <param name="alone">No other process may have the file open: this one is the whole cell.</param>
    private static async ValueTask<SqliteStore> OpenSqliteAsync(string dataDirectory, bool alone, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(dataDirectory);
        return await SqliteStore.OpenAsync(Path.Combine(dataDirectory, "store.db"), new SqliteStoreOptions { Journal = alone }, time, loggers.CreateLogger<SqliteStore>(), cancellationToken);
    }

    /// <summary>Opens the embedded engines of one data folder; the memory engine's state begins empty.</summary>
    /// <exception cref="LogException">Another process has the folder, or it can't be used.</exception>
    /// <exception cref="StoreException">The store can't be opened.</exception>
    public static async Task<CellEngines> OpenEmbeddedAsync(string dataDirectory, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var log = await OpenSegmentLogAsync(dataDirectory, time, loggers, cancellationToken);
        try
        {
            var store = await OpenSqliteAsync(dataDirectory, alone: true, time, loggers, cancellationToken);
            return new CellEngines(log, store, store, new MemoryCellState(time));
        }
        catch (Exception)
        {
            await log.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Log.DisposeAsync();
        await Store.DisposeAsync();
        if (State is IAsyncDisposable state) await state.DisposeAsync();
    }
}
