namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>The contract on one redis-server with a password.</summary>
public sealed class RedisCellStateTests(RedisCellStateTests.Server server) : RedisCellStateContract, IClassFixture<RedisCellStateTests.Server>
{
    private const string Secret = "correct horse";

    protected override string Endpoints => server.Redis.Endpoint;

    protected override string? Password => Secret;

    public sealed class Server : IAsyncLifetime
    {
        internal RedisServer Redis { get; private set; } = null!;

        public async Task InitializeAsync() => Redis = await RedisServer.StartAsync(Secret);

        public async Task DisposeAsync() => await Redis.DisposeAsync();
    }
}
