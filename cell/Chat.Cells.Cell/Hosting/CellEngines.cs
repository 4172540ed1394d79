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
    /// <summary>Opens the engines that the options name.</summary>
    /// <exception cref="OptionsException">The secrets or Kafka's settings can't be used, or Kafka's native library is missing.</exception>
    /// <exception cref="LogException">Another process has the folder, or it can't be used.</exception>
    /// <exception cref="StoreException">The store can't be opened.</exception>
    /// <exception cref="CellStateException">Redis refuses the password. A Redis that isn't there yet is no error: it is connected to when it comes.</exception>
    public static async Task<CellEngines> OpenAsync(CellOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        if (options.State != "redis") return await OpenLogAndStoreAsync(options, time, loggers, cancellationToken);
        var state = await RedisCellState.ConnectAsync(ReadRedis(options, time, loggers), loggers.CreateLogger<RedisCellState>());
        try
        {
            var opened = await OpenLogAndStoreAsync(options, time, loggers, cancellationToken);
            if (opened.State is IAsyncDisposable unused) await unused.DisposeAsync();
            return opened with { State = state };
        }
        catch (Exception)
        {
            await state.DisposeAsync();
            throw;
        }
    }

    /// <summary>With the state in memory.</summary>
    private static async Task<CellEngines> OpenLogAndStoreAsync(CellOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        if (options.Log != "kafka") return await OpenEmbeddedAsync(options.DataDirectory, time, loggers, cancellationToken);
        var log = OpenKafka(options, time, loggers);
        try
        {
            Directory.CreateDirectory(options.DataDirectory);
            var store = await OpenStoreAsync(options.DataDirectory, time, loggers, cancellationToken);
            return new CellEngines(log, store, store, new MemoryCellState(time));
        }
        catch (Exception)
        {
            await log.DisposeAsync();
            throw;
        }
    }

    private static RedisOptions ReadRedis(CellOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        using var folder = new SecretsFolder(options, time, loggers.CreateLogger<SecretsFolder>());
        var secrets = folder.Current;
        return new RedisOptions
        {
            Endpoints = options.Redis ?? throw new OptionsException("--state redis needs --redis host:port."),
            Password = secrets.RedisPassword,
            Prefix = options.Cell + ":",
            SigningKey = secrets.ServerMessageKey ?? throw new OptionsException($"--state redis needs the secret {CellSecrets.InternalTokenFile}: what servers send each other is signed."),
        };
    }

    private static KafkaLog OpenKafka(CellOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        var kafka = KafkaSettings.From(options);
        try
        {
            return new KafkaLog(kafka, time, loggers.CreateLogger<KafkaLog>());
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

    private static ValueTask<SqliteStore> OpenStoreAsync(string dataDirectory, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        SqliteStore.OpenAsync(Path.Combine(dataDirectory, "store.db"), new SqliteStoreOptions(), time, loggers.CreateLogger<SqliteStore>(), cancellationToken);

    /// <summary>Opens the embedded engines of one data folder; the memory engine's state begins empty.</summary>
    /// <exception cref="LogException">Another process has the folder, or it can't be used.</exception>
    /// <exception cref="StoreException">The store can't be opened.</exception>
    public static async Task<CellEngines> OpenEmbeddedAsync(string dataDirectory, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(dataDirectory);
        var log = await SegmentLog.OpenAsync(Path.Combine(dataDirectory, "log"), new SegmentLogOptions(), time, loggers.CreateLogger<SegmentLog>(), cancellationToken);
        try
        {
            var store = await OpenStoreAsync(dataDirectory, time, loggers, cancellationToken);
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
