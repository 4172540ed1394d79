using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chat.Cells.Cell.Engines.Redis;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>The contract over TLS.</summary>
[Needs(Needed.RedisServer)]
[ContractSuite(nameof(ICellState), "redis-tls")]
public sealed class RedisTlsTests(RedisTlsTests.Secured secured) : RedisCellStateContract, IClassFixture<RedisTlsTests.Secured>
{
    private const string Secret = "correct horse";

    protected override string Endpoints => secured.Redis!.Endpoint;

    protected override string? Password => Secret;

    protected override X509Certificate2Collection Authorities => [secured.Redis!.Authority];

    [Fact]
    public async Task Connect_AuthorityIsAnother_IsRefusedWithWords()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = RedisTls.NewAuthority(key);

        var error = await Assert.ThrowsAsync<CellStateException>(() => ConnectAsync(Endpoints, Secret, authorities: [other]));

        Assert.Contains("signed by one of the authorities", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_ServerSpeaksNoTls_IsNoPlainConnection()
    {
        var options = new RedisOptions
        {
            Endpoints = secured.Redis!.Server.Endpoint,
            Password = Secret,
            Prefix = "plain:",
            SigningKey = Key,
            Timeout = TimeSpan.FromSeconds(1),
            ReadAuthorities = () => Authorities,
        };
        try
        {
            await using var state = await RedisCellState.ConnectAsync(options, NullLogger<RedisCellState>.Instance);
            // It may be one that is still starting: waited for, and never spoken to in the clear.
            await Assert.ThrowsAsync<CellStateException>(async () => await state.PutOnceAsync("key", "value", TimeSpan.FromMinutes(1), default));
        }
        catch (CellStateException e)
        {
            Assert.Contains("TLS", e.Message, StringComparison.Ordinal);
        }

        Assert.StartsWith("*0", await secured.Redis.Server.AskAsync("KEYS", "plain:*"), StringComparison.Ordinal);
    }

    public sealed class Secured : IAsyncLifetime
    {
        internal RedisTls? Redis { get; private set; }

        public async Task InitializeAsync()
        {
            // Fixtures are made for skipped tests too.
            if (Lack.Of(Needed.RedisServer) is null) Redis = await RedisTls.StartAsync(Secret);
        }

        public async Task DisposeAsync()
        {
            if (Redis is not null) await Redis.DisposeAsync();
        }
    }
}
