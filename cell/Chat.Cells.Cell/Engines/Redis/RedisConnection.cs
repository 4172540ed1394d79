using System.Security.Authentication;
using Chat.Cells.Cell.Ports;
using StackExchange.Redis;

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>
/// The client of Redis: connects again by itself. One made with a password can't be given another, so that it is replaced when the secret was changed: the next one is connected
/// and subscribed first.
/// </summary>
internal sealed partial class RedisConnection : IAsyncDisposable
{
    private readonly RedisOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private readonly List<(RedisChannel Channel, Action<RedisChannel, RedisValue> Receive)> _subscriptions = [];
    private volatile ConnectionMultiplexer _current = null!;
    private string? _password;
    private Task _watching = Task.CompletedTask;

    private RedisConnection(RedisOptions options, TimeProvider time, ILogger logger)
    {
        _options = options;
        _time = time;
        _logger = logger;
        _password = options.Password;
    }

    public IDatabase Database => _current.GetDatabase();

    public ISubscriber Publisher => _current.GetSubscriber();

    /// <summary>Connects; a server that isn't there yet is connected to when it comes.</summary>
    /// <exception cref="CellStateException">The password is wrong or missing, or the server can't be trusted.</exception>
    public static async Task<RedisConnection> OpenAsync(RedisOptions options, TimeProvider time, ILogger logger)
    {
        var connection = new RedisConnection(options, time, logger);
        foreach (var endpoint in connection.Endpoints())
        {
            var taken = await connection.AskAsync(endpoint, options.Password);
            if (taken is false) throw new CellStateException($"Redis at {endpoint} refuses the password (or wants one).");
            if (taken is null) connection.LogNotThere(endpoint);
        }
        connection._current = await connection.ConnectAsync(options.Password);
        if (options.ReadPassword is { } read) connection._watching = Task.Run(() => connection.WatchAsync(read));
        return connection;
    }

    /// <summary>The subscription outlasts lost connections and changed passwords. One that fails must be ended too: the client would else make it when it is connected again.</summary>
    public Task SubscribeAsync(RedisChannel channel, Action<RedisChannel, RedisValue> receive)
    {
        ConnectionMultiplexer current;
        lock (_lock)
        {
            _subscriptions.Add((channel, receive));
            current = _current;
        }
        return current.GetSubscriber().SubscribeAsync(channel, receive);
    }

    /// <summary>Nothing is received any more, also when the server doesn't hear of it.</summary>
    public Task UnsubscribeAsync(RedisChannel channel, Action<RedisChannel, RedisValue> receive)
    {
        ConnectionMultiplexer current;
        lock (_lock)
        {
            _subscriptions.Remove((channel, receive));
            current = _current;
        }
        return current.GetSubscriber().UnsubscribeAsync(channel, receive, CommandFlags.FireAndForget);
    }

    private string[] Endpoints() => _options.Endpoints.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private async Task<bool?> AskAsync(string endpoint, string? password)
    {
        try
        {
            return await PasswordCheck.AskAsync(endpoint, password, _options.ReadAuthorities?.Invoke(), _options.Timeout);
        }
        catch (AuthenticationException e)
        {
            throw new CellStateException($"TLS with Redis at {endpoint} failed; its certificate must be signed by one of the authorities in the secret: {e.Message}", e);
        }
    }

    private async Task<ConnectionMultiplexer> ConnectAsync(string? password)
    {
        var milliseconds = (int)_options.Timeout.TotalMilliseconds;
        var configuration = new ConfigurationOptions
        {
            AbortOnConnectFail = false,
            Password = password,
            ConnectTimeout = milliseconds,
            SyncTimeout = milliseconds,
            ResponseTimeout = milliseconds * 2,
            KeepAlive = 5,
            ConnectRetry = 1,
            ReconnectRetryPolicy = new LinearRetry(200),
            ClientName = "chat-cells",
        };
        foreach (var endpoint in Endpoints()) configuration.EndPoints.Add(endpoint);
        if (_options.ReadAuthorities is { } authorities)
        {
            configuration.Ssl = true;
            configuration.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
            configuration.CertificateValidation += (_, certificate, chain, _) => CertificateTrust.IsTrusted(certificate, chain, authorities());
        }
        var redis = await ConnectionMultiplexer.ConnectAsync(configuration);
        // Hints and verdicts for one server stay in order.
        redis.PreserveAsyncOrder = true;
        redis.ConnectionFailed += (_, e) => LogLost(e.EndPoint?.ToString() ?? "", e.FailureType);
        redis.ConnectionRestored += (_, e) => LogRestored(e.EndPoint?.ToString() ?? "");
        return redis;
    }

    private async Task WatchAsync(Func<string?> read)
    {
        using var timer = new PeriodicTimer(_options.SecretInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_closing.Token))
            {
                if (read() is var password && password != _password) await TryTakeAsync(password);
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            return;
        }
    }

    /// <summary>A password that no server takes is tried again at the next look: the old connections may be good for long.</summary>
    private async Task TryTakeAsync(string? password)
    {
        try
        {
            var answers = await Task.WhenAll(Endpoints().Select(endpoint => AskAsync(endpoint, password)));
            if (answers.Contains(false) || !answers.Contains(true))
            {
                LogNotTaken();
                return;
            }
            await ReplaceAsync(await ConnectAsync(password));
            _password = password;
            LogTaken();
        }
        catch (Exception e) when (e is RedisException or CellStateException or TimeoutException or ObjectDisposedException)
        {
            LogNotChanged(e.Message);
        }
    }

    private async Task ReplaceAsync(ConnectionMultiplexer next)
    {
        var unused = next;
        try
        {
            var subscriber = next.GetSubscriber();
            (RedisChannel Channel, Action<RedisChannel, RedisValue> Receive)[] known, newer, gone;
            lock (_lock) known = [.. _subscriptions];
            foreach (var (channel, receive) in known) await subscriber.SubscribeAsync(channel, receive).WaitAsync(_options.Timeout, _time);
            lock (_lock)
            {
                newer = [.. _subscriptions.Except(known)];
                gone = [.. known.Except(_subscriptions)];
                (unused, _current) = (_current, next);
            }
            foreach (var (channel, receive) in newer) await subscriber.SubscribeAsync(channel, receive).WaitAsync(_options.Timeout, _time);
            foreach (var (channel, receive) in gone) await subscriber.UnsubscribeAsync(channel, receive, CommandFlags.FireAndForget);
        }
        finally
        {
            // What is under way on it is answered first.
            await unused.CloseAsync();
            unused.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _watching;
        await _current.CloseAsync();
        _current.Dispose();
    }

    [LoggerMessage(2, LogLevel.Warning, "The connection to Redis at {Endpoint} is lost: {Failure}")]
    private partial void LogLost(string endpoint, ConnectionFailureType failure);

    [LoggerMessage(3, LogLevel.Information, "Redis at {Endpoint} is back")]
    private partial void LogRestored(string endpoint);

    [LoggerMessage(4, LogLevel.Warning, "Redis at {Endpoint} isn't there yet; it is waited for")]
    private partial void LogNotThere(string endpoint);

    [LoggerMessage(5, LogLevel.Information, "Redis: the changed password is used")]
    private partial void LogTaken();

    [LoggerMessage(6, LogLevel.Warning, "Redis: the password in the secret was changed, and not every server takes it yet; the connections of before are kept, and it is tried again")]
    private partial void LogNotTaken();

    [LoggerMessage(7, LogLevel.Warning, "Redis: the changed password can't be used yet: {Reason}")]
    private partial void LogNotChanged(string reason);
}
