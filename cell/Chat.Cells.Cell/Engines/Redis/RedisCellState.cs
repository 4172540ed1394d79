using System.Diagnostics;
using System.Globalization;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using StackExchange.Redis;

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>The cell's fast state on Redis 6 or newer, alone or as a cluster. Calls for many users go out in one pipeline.</summary>
public sealed partial class RedisCellState : ICellState, IAsyncDisposable
{
    private static readonly TimeSpan CursorTimeToLive = TimeSpan.FromDays(7);

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private const int SortableLength = 10 + 1 + 10 + 1 + 19;

    private readonly RedisOptions _options;
    private readonly SignedMessages _messages;
    private readonly ILogger _logger;
    private readonly RedisConnection _redis;
    private long _hungUntil;

    private RedisCellState(RedisOptions options, RedisConnection redis, ILogger logger)
    {
        _options = options;
        _redis = redis;
        _logger = logger;
        _messages = new SignedMessages(options.SigningKey);
    }

    private IDatabase Database => _redis.Database;

    /// <summary>Connects; a server that isn't there yet is connected to when it comes.</summary>
    /// <exception cref="CellStateException">The password is wrong or missing, or the server can't be trusted.</exception>
    public static async Task<RedisCellState> ConnectAsync(RedisOptions options, ILogger<RedisCellState> logger, TimeProvider? time = null)
    {
        if (options.SigningKey.Length < 32) throw new ArgumentException("The signing key has fewer than 32 bytes.", nameof(options));
        return new RedisCellState(options, await RedisConnection.OpenAsync(options, time ?? TimeProvider.System, logger), logger);
    }

    public async ValueTask RegisterAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        RedisValue[] arguments = [serverId, (long)timeToLive.TotalMilliseconds];
        await PipelineAsync(userIds, (database, user) => database.ScriptEvaluateAsync(Scripts.Register, [ConnectionKey(user)], arguments), cancellationToken);
    }

    public async ValueTask UnregisterAsync(string serverId, string userId, CancellationToken cancellationToken) =>
        await GuardAsync(() => Database.SortedSetRemoveAsync(ConnectionKey(userId), serverId), cancellationToken);

    public async ValueTask<IReadOnlyList<IReadOnlyList<string>>> FindServersAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        var results = await PipelineAsync(userIds, (database, user) => database.ScriptEvaluateAsync(Scripts.FindServers, [ConnectionKey(user)]), cancellationToken);
        return Array.ConvertAll(results, r => (IReadOnlyList<string>)(string[])r!);
    }

    public async ValueTask AdvanceCursorsAsync(IReadOnlyList<UserCursor> cursors, CancellationToken cancellationToken)
    {
        RedisValue timeToLive = (long)CursorTimeToLive.TotalMilliseconds;
        await PipelineAsync(
            cursors,
            (database, c) => database.ScriptEvaluateAsync(Scripts.AdvanceCursor, [CursorKey(c.UserId)], [Sortable(c.Cursor), timeToLive]),
            cancellationToken);
    }

    public async ValueTask<IReadOnlyList<InboxCursor?>> GetCursorsAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        var values = await PipelineAsync(userIds, (database, user) => database.StringGetAsync(CursorKey(user)), cancellationToken);
        return Array.ConvertAll(values, static v => FromSortable(v));
    }

    public async ValueTask PublishAsync(string serverId, ReadOnlyMemory<byte> message, CancellationToken cancellationToken) =>
        await GuardAsync(() => _redis.Publisher.PublishAsync(Channel(serverId), _messages.Sign(serverId, message.Span)), cancellationToken);

    public async ValueTask<IAsyncDisposable> SubscribeAsync(string serverId, Action<ReadOnlyMemory<byte>> handler, CancellationToken cancellationToken)
    {
        var queue = new HandlerQueue(handler);
        Action<RedisChannel, RedisValue> receive = (_, value) =>
        {
            if (value.HasValue && _messages.TryOpen(serverId, value!, out var message)) queue.Post(message);
            else LogForged(serverId);
        };
        var channel = Channel(serverId);
        var subscription = new Subscription(queue, () => _redis.UnsubscribeAsync(channel, receive));
        try
        {
            await GuardAsync(
                async () =>
                {
                    await _redis.SubscribeAsync(channel, receive);
                    return true;
                },
                cancellationToken);
            return subscription;
        }
        catch (Exception)
        {
            await subscription.DisposeAsync(); // the client would else subscribe when it is connected again, beside whoever tries anew
            throw;
        }
    }

    public async ValueTask<TimeSpan> TakeTokenAsync(string bucket, int capacity, double refillPerSecond, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(refillPerSecond);
        RedisValue[] arguments = [capacity, refillPerSecond.ToString("R", CultureInfo.InvariantCulture)];
        var wait = await GuardAsync(() => Database.ScriptEvaluateAsync(Scripts.TakeToken, [Key("rate", bucket)], arguments), cancellationToken);
        return TimeSpan.FromMilliseconds((long)wait);
    }

    public async ValueTask PutOnceAsync(string key, string value, TimeSpan timeToLive, CancellationToken cancellationToken) =>
        await GuardAsync(() => Database.StringSetAsync(Key("once", key), value, timeToLive), cancellationToken);

    public async ValueTask<string?> TakeOnceAsync(string key, CancellationToken cancellationToken) =>
        (string?)await GuardAsync(() => Database.ScriptEvaluateAsync(Scripts.TakeOnce, [Key("once", key)]), cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
    }

    // Braces make the user the hash tag: all keys of a user lie on one node.
    private RedisKey Key(string kind, string id) => $"{_options.Prefix}{kind}:{{{id}}}";
    private RedisKey ConnectionKey(string user) => Key("ws:conn", user);
    private RedisKey CursorKey(string user) => Key("cursor", user);
    private RedisChannel Channel(string serverId) => new($"{_options.Prefix}server:{serverId}", RedisChannel.PatternMode.Literal);

    /// <summary>Fixed width, so that text order is cursor order; the offset is shifted since a cursor may stand before the first.</summary>
    private static string Sortable(InboxCursor cursor) => string.Create(CultureInfo.InvariantCulture, $"{cursor.Epoch:D10}.{cursor.Bucket:D10}.{cursor.Offset + 1:D19}");

    /// <summary>Null for what no server of ours wrote: one user's spoiled key must not fail the calls for all others.</summary>
    private static InboxCursor? FromSortable(string? text) =>
        text is { Length: SortableLength } && text[10] == '.' && text[21] == '.'
        && int.TryParse(text.AsSpan(0, 10), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch)
        && int.TryParse(text.AsSpan(11, 10), NumberStyles.None, CultureInfo.InvariantCulture, out var bucket)
        && long.TryParse(text.AsSpan(22), NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
            ? new InboxCursor(epoch, bucket, offset - 1)
            : null;

    private Task<TResult[]> PipelineAsync<TItem, TResult>(IReadOnlyList<TItem> items, Func<IDatabase, TItem, Task<TResult>> call, CancellationToken cancellationToken) =>
        GuardAsync(
            () =>
            {
                var database = Database;
                var calls = new Task<TResult>[items.Count];
                for (var i = 0; i < calls.Length; i++) calls[i] = call(database, items[i]);
                return Task.WhenAll(calls);
            },
            cancellationToken);

    /// <summary>Bounded, since the client itself never gives up on a server that hangs; after a time-out all calls fail at once for a moment, so that callers don't wait one after the other.</summary>
    private async Task<T> GuardAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        if (Environment.TickCount64 < Volatile.Read(ref _hungUntil)) throw new CellStateException("Redis hangs.");
        var started = Stopwatch.GetTimestamp();
        try
        {
            try
            {
                var answer = await WithinBoundAsync(call, cancellationToken);
                RedisMetrics.Answered(started);
                return answer;
            }
            catch (RedisServerException e) when (e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
            {
                return await WithinBoundAsync(call, cancellationToken); // scripts were flushed; nothing was done, and the client sends them anew
            }
        }
        catch (TimeoutException e)
        {
            RedisMetrics.Failed.Add(1);
            Volatile.Write(ref _hungUntil, Environment.TickCount64 + (long)Pause.TotalMilliseconds);
            throw new CellStateException($"Redis did not answer within {_options.Timeout.TotalSeconds:0.#} s.", e);
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException)
        {
            RedisMetrics.Failed.Add(1);
            throw new CellStateException($"Redis failed: {e.Message}", e);
        }
    }

    /// <summary>The caller goes on on another thread: the client completes its calls one after the other on one of its own, which must stay free for the next answers.</summary>
    private async Task<T> WithinBoundAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call().WaitAsync(_options.Timeout, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }
    }

    private sealed class Subscription(HandlerQueue queue, Func<Task> end) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await end();
            await queue.DisposeAsync();
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "A message for server {ServerId} had no valid signature and was dropped")]
    private partial void LogForged(string serverId);
}
