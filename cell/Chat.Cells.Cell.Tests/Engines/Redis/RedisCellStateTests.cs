using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>The contract on one redis-server with a password.</summary>
[Needs(Needed.RedisServer)]
[ContractSuite(nameof(ICellState), "redis-server")]
public sealed class RedisCellStateTests(RedisCellStateTests.Server server) : RedisCellStateContract, IClassFixture<RedisCellStateTests.Server>
{
    private const string Secret = "correct horse";

    protected override string Endpoints => server.Redis!.Endpoint;

    protected override string? Password => Secret;

    public sealed class Server : IAsyncLifetime
    {
        internal RedisServer? Redis { get; private set; }

        public async Task InitializeAsync()
        {
            // Fixtures are made for skipped tests too.
            if (Lack.Of(Needed.RedisServer) is null) Redis = await RedisServer.StartAsync(Secret);
        }

        public async Task DisposeAsync()
        {
            if (Redis is not null) await Redis.DisposeAsync();
        }
    }
}
