using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Cell.Tests.Unread;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>Unread counts over two gateways with one Redis between them. Bob has a device on each; delivery runs with the first.</summary>
[Needs(Needed.RedisServer)]
public sealed class RedisUnreadTests : IAsyncLifetime
{
    private readonly string folder = TestCell.NewFolder();
    private RedisServer server = null!;
    private CellEngines engines = null!;
    private ICellState firstState = null!;
    private FailingState secondState = null!;
    private TestCell first = null!;
    private TestCell second = null!;
    private TestUser anna = null!;
    private TestUser bob = null!;
    private TestUser bobAgain = null!;
    private string channel = null!;

    public async Task InitializeAsync()
    {
        server = await RedisServer.StartAsync();
        engines = await CellEngines.OpenEmbeddedAsync(Path.Combine(folder, "data"), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        firstState = await RedisCellStateContract.ConnectAsync(server.Endpoint, timeout: TimeSpan.FromSeconds(5));
        secondState = new FailingState(await RedisCellStateContract.ConnectAsync(server.Endpoint, timeout: TimeSpan.FromSeconds(5)));
        first = await StartAsync("server-0", firstState, ["gateway", "fanout", "delivery"]);
        second = await StartAsync("server-1", secondState, ["gateway"]);
        anna = await first.SignUpAsync("anna");
        bob = await first.SignUpAsync("bob");
        bobAgain = await first.LogInAsync("bob");
        channel = await first.CreateDirectAsync(anna, bob);
    }

    public async Task DisposeAsync()
    {
        await second.DisposeAsync();
        await first.DisposeAsync();
        await ((IAsyncDisposable)firstState).DisposeAsync();
        await secondState.DisposeAsync();
        await engines.DisposeAsync();
        await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private Task<TestCell> StartAsync(string serverId, ICellState state, string[] roles) =>
        TestCell.StartAsync(o => o with { ServerId = serverId, Roles = roles, TickInterval = TimeSpan.FromMilliseconds(500) }, engines with { State = state }, folder);

    [Fact]
    public async Task Read_OnTheOtherGateway_ResetsThisOne()
    {
        await using var sender = await first.ConnectAsync(anna);
        await using var here = await first.ConnectAsync(bob);
        await using var there = await second.ConnectAsync(bobAgain);
        var ids = await UnreadTests.SendAsync(sender, channel, 3);
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, channel, 3);

        await there.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = ids[1] });
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, channel, 1);
        await here.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = ids[2] });
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, channel, 0);
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(first, bob));
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(second, bob));
    }

    [Fact]
    public async Task Gateway_GoneAndStartedAgain_TellsTheSameCounts()
    {
        await using var sender = await first.ConnectAsync(anna);
        await using (var there = await second.ConnectAsync(bobAgain))
        {
            await UnreadTests.SendAsync(sender, channel, 2);
            await UnreadTests.UntilCountAsync(there, channel, 2);
        }
        await second.DisposeAsync();
        await UnreadTests.SendAsync(sender, channel, 2, "meanwhile");
        second = await StartAsync("server-1", secondState, ["gateway"]);

        await using var again = await second.ConnectAsync(bobAgain);
        UnreadTests.AssertCounts(await again.PayloadAsync("unread"), (channel, 4));
    }

    [Fact]
    public async Task Gateway_ThatCannotReachRedis_TellsWhatTheStoreKnows()
    {
        await using var sender = await first.ConnectAsync(anna);
        await using var here = await first.ConnectAsync(bob);
        await using var there = await second.ConnectAsync(bobAgain);
        await UnreadTests.SendAsync(sender, channel, 1);
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, channel, 1);

        secondState.Fails = true;
        await UnreadTests.SendAsync(sender, channel, 1, "cut-off");
        await UnreadTests.UntilCountAsync(here, channel, 2);
        await UnreadTests.UntilCountAsync(there, channel, 2);

        // Redis is emptied while it is cut off: whoever asks first fills it again, also for the other.
        await server.AskAsync("FLUSHALL");
        secondState.Fails = false;
        await UnreadTests.SendAsync(sender, channel, 1, "back");
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, channel, 3);
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(second, bob), (channel, 3));
    }
}
