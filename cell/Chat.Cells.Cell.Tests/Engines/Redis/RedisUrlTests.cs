using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>The contract on the server that REDIS_URL names: <c>redis://:password@host:port</c>.</summary>
[Needs(Needed.RedisUrl)]
[ContractSuite(nameof(ICellState), "redis-url")]
public sealed class RedisUrlTests : RedisCellStateContract
{
    private static Uri Url => new(Environment.GetEnvironmentVariable("REDIS_URL")!);

    protected override string Endpoints => $"{Url.Host}:{(Url.Port > 0 ? Url.Port : 6379)}";

    protected override string? Password => Url.UserInfo.Contains(':') ? Uri.UnescapeDataString(Url.UserInfo[(Url.UserInfo.IndexOf(':') + 1)..]) : null;
}
