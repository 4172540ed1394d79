using System.Diagnostics;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Connections;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Cell.Tests.Presence;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>Presence and typing over two gateways with one Redis between them. Anna is on the first, bob on the second.</summary>
[Needs(Needed.RedisServer)]
public sealed class RedisPresenceTests(Xunit.Abstractions.ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(5);
    private readonly string folder = TestCell.NewFolder();
    private RedisServer server = null!;
    private CellEngines engines = null!;
    private FailingState secondState = null!;
    private ICellState firstState = null!;
    private TestCell first = null!;
    private TestCell second = null!;
    private TestUser anna = null!;
    private TestUser bob = null!;
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

    private Task<TestCell> StartAsync(string serverId, ICellState state, string[] roles) => TestCell.StartAsync(
        o => o with { ServerId = serverId, Roles = roles, TickInterval = Tick, RegistrationLife = Life }, engines with { State = state }, folder);

    private async Task<(TestSocket Viewer, TestSocket Device)> ViewAsync()
    {
        var viewer = await first.ConnectAsync(anna);
        var device = await second.ConnectAsync(bob);
        await viewer.SubscribeAsync(bob.UserId);
        await viewer.SeesAsync(bob.UserId, "online", "desktop");
        return (viewer, device);
    }

    [Fact]
    public async Task Presence_ChangedOnTheOtherServer_IsShownWithin100Ms()
    {
        var (viewer, device) = await ViewAsync();
        var took = new List<double>();
        for (var i = 0; i < 12; i++)
        {
            await Task.Delay(1_050); // a user's changes are told at most once a second
            var began = Stopwatch.GetTimestamp();
            var status = i % 2 == 0 ? "away" : "online";
            await device.SendAsync("heartbeat", new { status });
            await viewer.SeesAsync(bob.UserId, status, "desktop");
            took.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        output.WriteLine($"ms: {string.Join(", ", took.Order().Select(t => $"{t:0.0}"))}");
        // The target, a p95 of 100 ms, is for a machine of its own; tests share theirs with others.
        Assert.True(took.Order().ElementAt(took.Count / 2) < 100, $"ms: {string.Join(", ", took.Select(t => $"{t:0.0}"))}");
        using var metrics = await first.SendAsync(HttpMethod.Get, first.Internal, "/metrics", null);
        var text = await metrics.Content.ReadAsStringAsync();
        Assert.Contains("presence_updates_total{", text, StringComparison.Ordinal);
        Assert.Contains("presence_update_seconds_bucket", text, StringComparison.Ordinal);
        await device.DisposeAsync();
        await viewer.DisposeAsync();
    }

    [Fact]
    public async Task Devices_OnTwoServers_AreMerged()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        await using var phone = await first.ConnectAsync(await first.LogInAsync("bob"));
        await viewer.SeesAsync(bob.UserId, "online", "desktop", "phone");
        await device.AwayAsync();
        await viewer.SeesAsync(bob.UserId, "online", "phone");
        await phone.LeaveAsync();
        await viewer.SeesAsync(bob.UserId, "away", "desktop");
        await device.LeaveAsync();
        await viewer.SeesAsync(bob.UserId, "offline");
    }

    [Fact]
    public async Task Server_DeadWithoutGoodbye_ItsUsersAreOfflineAfterTheirTime()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        await using var phone = await first.ConnectAsync(await first.LogInAsync("bob"));
        await viewer.SeesAsync(bob.UserId, "online", "desktop", "phone");

        secondState.Fails = true; // to everybody else it is dead from now on
        await viewer.SeesAsync(bob.UserId, "online", "phone");
        await phone.LeaveAsync();
        await viewer.SeesAsync(bob.UserId, "offline");

        secondState.Fails = false; // as one that was stopped and goes on
        await viewer.SeesAsync(bob.UserId, "online", "desktop");
    }

    [Fact]
    public async Task Redis_Flushed_IsFilledByTheNextTickAndNobodyIsShownOffline()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        for (var i = 0; i < 3; i++)
        {
            await server.AskAsync("FLUSHALL");
            await server.AskAsync("SCRIPT", "FLUSH");
            await Eventually.TrueAsync(
                async () => await server.AskAsync("EXISTS", $"test:presence:{{{bob.UserId}}}", $"test:watch:{{{bob.UserId}}}") == ":2\r\n", "presence and watchers are there again");
        }
        await viewer.SettleAsync();
        Assert.Empty(viewer.KeptPresence());
        await device.AwayAsync();
        await viewer.SeesAsync(bob.UserId, "away", "desktop");
    }

    [Fact]
    public async Task Redis_Down_StatusesStayAndAreRightWhenItIsBack()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;

        await server.KillAsync();
        await device.AwayAsync();
        await device.SendAsync("heartbeat", new { status = "away" });
        await device.ReceiveAsync("heartbeat");
        await viewer.SettleAsync();
        Assert.Empty(viewer.KeptPresence());
        await using (var late = await first.ConnectAsync(anna))
        {
            await late.SubscribeAsync(anna.UserId);
            Assert.Equal("offline", (await late.SeesAsync(anna.UserId)).Status); // nothing can be read: an answer all the same
        }
        await using var local = await first.ConnectAsync(await first.LogInAsync("bob"));
        await viewer.TypeAsync(channel);
        await local.ReceiveAsync("typing"); // at least those on the same server

        await server.RestartAsync();
        await local.LeaveAsync();
        await viewer.SeesAsync(bob.UserId, "away", "desktop");
    }

    [Fact]
    public async Task Keys_OfPresence_ExpireAsTheServersWordDoes()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        var life = long.Parse((await server.AskAsync("PTTL", $"test:presence:{{{bob.UserId}}}")).Trim(':', '\r', '\n'), System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(life, 1, (long)Life.TotalMilliseconds);
        Assert.Equal("+hash\r\n", await server.AskAsync("TYPE", $"test:presence:{{{bob.UserId}}}"));
        Assert.Equal(TimeSpan.FromSeconds(30), new CellOptions { Cell = "a", Number = 1, Region = "r", DataDirectory = "", SecretsDirectory = "" }.RegistrationLife);
    }

    [Fact]
    public async Task Presence_WrittenBySomebodyElse_BreaksNothing()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        await server.AskAsync("HSET", $"test:presence:{{{bob.UserId}}}", "evil", "99999999999999|x|<script>|y");
        await device.AwayAsync();
        await viewer.SeesAsync(bob.UserId, "away", "desktop");
    }

    [Fact]
    public async Task Typing_ToAMemberOnTheOtherServer_IsPassedOn()
    {
        await using var sender = await first.ConnectAsync(anna);
        await using var receiver = await second.ConnectAsync(bob);
        await sender.TypeAsync(channel);
        Assert.True((bool)(await receiver.PayloadAsync("typing"))["typing"]!);
        await sender.TypeAsync(channel, typing: false);
        Assert.False((bool)(await receiver.PayloadAsync("typing"))["typing"]!);
    }
}
