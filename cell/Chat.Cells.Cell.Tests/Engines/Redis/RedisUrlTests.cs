using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using StackExchange.Redis;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>The contract on the server that REDIS_URL names: <c>redis://:password@host:port</c>.</summary>
[Needs(Needed.RedisUrl)]
[ContractSuite(nameof(ICellState), "redis-url")]
public sealed class RedisUrlTests : RedisCellStateContract
{
    /// <summary>Of this test alone: others may use the server at the same time.</summary>
    protected override string Prefix { get; } = $"t{Guid.NewGuid():n}:";

    private static Uri Url => new(Environment.GetEnvironmentVariable("REDIS_URL")!);

    protected override string Endpoints => $"{Url.Host}:{(Url.Port > 0 ? Url.Port : 6379)}";

    protected override string? Password => Url.UserInfo.Contains(':') ? Uri.UnescapeDataString(Url.UserInfo[(Url.UserInfo.IndexOf(':') + 1)..]) : null;

    protected override async ValueTask CloseAsync()
    {
        await base.CloseAsync();
        var options = new ConfigurationOptions { Password = Password, EndPoints = { Endpoints }, SyncTimeout = 60_000, ConnectTimeout = 60_000 };
        using var redis = await ConnectionMultiplexer.ConnectAsync(options);
        foreach (var node in redis.GetEndPoints().Select(e => redis.GetServer(e)).Where(s => s.IsConnected && !s.IsSlave))
        {
            foreach (var key in node.Keys(pattern: Prefix + "*", pageSize: 1_000)) await redis.GetDatabase().KeyDeleteAsync(key);
        }
        // Else its end asks the server to close and waits for an answer that doesn't come, for as long as a command may take.
        redis.Close(allowCommandsToComplete: false);
    }
}
