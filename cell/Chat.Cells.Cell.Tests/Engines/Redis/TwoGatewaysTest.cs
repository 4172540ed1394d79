using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>A cell of two servers with one Redis between them, and two users who share a direct channel. The first server has all roles, the second is a gateway only.</summary>
[Needs(Needed.RedisServer)]
public abstract class TwoGatewaysTest : IAsyncLifetime
{
    private readonly string folder = TestCell.NewFolder();
    private CellEngines engines = null!;
    private ICellState firstState = null!;

    private protected RedisServer Redis { get; private set; } = null!;

    private protected TestCell First { get; private set; } = null!;

    private protected TestCell Second { get; private set; } = null!;

    /// <summary>How the second server sees Redis.</summary>
    private protected FailingState SecondState { get; private set; } = null!;

    private protected TestUser Anna { get; private set; } = null!;

    private protected TestUser Bob { get; private set; } = null!;

    private protected string Channel { get; private set; } = null!;

    public virtual async Task InitializeAsync()
    {
        Redis = await RedisServer.StartAsync();
        engines = await CellEngines.OpenEmbeddedAsync(Path.Combine(folder, "data"), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        firstState = await RedisCellStateContract.ConnectAsync(Redis.Endpoint, timeout: TimeSpan.FromSeconds(5));
        SecondState = new FailingState(await RedisCellStateContract.ConnectAsync(Redis.Endpoint, timeout: TimeSpan.FromSeconds(5)));
        First = await StartAsync("server-0", firstState, ["gateway", "fanout", "delivery"]);
        await StartSecondAsync();
        Anna = await First.SignUpAsync("anna");
        Bob = await First.SignUpAsync("bob");
        Channel = await First.CreateDirectAsync(Anna, Bob);
    }

    public async Task DisposeAsync()
    {
        await Second.DisposeAsync();
        await First.DisposeAsync();
        await ((IAsyncDisposable)firstState).DisposeAsync();
        await SecondState.DisposeAsync();
        await engines.DisposeAsync();
        await Redis.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Also again, after it was disposed.</summary>
    private protected async Task StartSecondAsync() => Second = await StartAsync("server-1", SecondState, ["gateway"]);

    private protected virtual CellOptions Configure(CellOptions options) => options with { TickInterval = TimeSpan.FromMilliseconds(500) };

    private Task<TestCell> StartAsync(string serverId, ICellState state, string[] roles) =>
        TestCell.StartAsync(o => Configure(o) with { ServerId = serverId, Roles = roles }, engines with { State = state }, folder);
}
