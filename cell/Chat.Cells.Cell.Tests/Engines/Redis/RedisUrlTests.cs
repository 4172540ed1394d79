namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>The contract on the server that REDIS_URL names: <c>redis://:password@host:port</c>.</summary>
public sealed class RedisUrlTests : RedisCellStateContract
{
    private static readonly Uri Url = new(Environment.GetEnvironmentVariable("REDIS_URL") ?? throw new InvalidOperationException("REDIS_URL was set when this was built."));

    protected override string Endpoints => $"{Url.Host}:{(Url.Port > 0 ? Url.Port : 6379)}";

    protected override string? Password => Url.UserInfo.Contains(':') ? Uri.UnescapeDataString(Url.UserInfo[(Url.UserInfo.IndexOf(':') + 1)..]) : null;
}
