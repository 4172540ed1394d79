using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Connections;
using Chat.Cells.Cell.Tests.Presence;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>Presence and typing over two gateways with one Redis between them. Anna is on the first, bob on the second.</summary>
public sealed class RedisPresenceTests : TwoGatewaysTest
{
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(5);

    private protected override CellOptions Configure(CellOptions options) => base.Configure(options) with { RegistrationLife = Life };

    private async Task<(TestSocket Viewer, TestSocket Device)> ViewAsync()
    {
        var viewer = await First.ConnectAsync(Anna);
        var device = await Second.ConnectAsync(Bob);
        await viewer.SubscribeAsync(Bob.UserId);
        await viewer.SeesAsync(Bob.UserId, "online", "desktop");
        return (viewer, device);
    }

    [Fact]
    public async Task Devices_OnTwoServers_AreMerged()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        await using var phone = await First.ConnectAsync(await First.LogInAsync("bob"));
        await viewer.SeesAsync(Bob.UserId, "online", "desktop", "phone");
        await device.AwayAsync();
        await viewer.SeesAsync(Bob.UserId, "online", "phone");
        await phone.LeaveAsync();
        await viewer.SeesAsync(Bob.UserId, "away", "desktop");
        await device.LeaveAsync();
        await viewer.SeesAsync(Bob.UserId, "offline");
    }

    [Fact]
    public async Task Server_DeadWithoutGoodbye_ItsUsersAreOfflineAfterTheirTime()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        await using var phone = await First.ConnectAsync(await First.LogInAsync("bob"));
        await viewer.SeesAsync(Bob.UserId, "online", "desktop", "phone");

        SecondState.Fails = true; // to everybody else it is dead from now on
        await viewer.SeesAsync(Bob.UserId, "online", "phone");
        await phone.LeaveAsync();
        await viewer.SeesAsync(Bob.UserId, "offline");

        SecondState.Fails = false; // as one that was stopped and goes on
        await viewer.SeesAsync(Bob.UserId, "online", "desktop");
    }

    [Fact]
    public async Task Redis_Flushed_IsFilledByTheNextTickAndNobodyIsShownOffline()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        for (var i = 0; i < 3; i++)
        {
            await Redis.AskAsync("FLUSHALL");
            await Redis.AskAsync("SCRIPT", "FLUSH");
            await Poll.UntilAsync(
                async () => await Redis.AskAsync("EXISTS", $"test:presence:{{{Bob.UserId}}}", $"test:watch:{{{Bob.UserId}}}") == ":2\r\n", "presence and watchers are there again");
        }
        await viewer.SettleAsync();
        Assert.Empty(viewer.KeptPresence());
        await device.AwayAsync();
        await viewer.SeesAsync(Bob.UserId, "away", "desktop");
    }

    [Fact]
    public async Task Redis_Down_StatusesStayAndAreRightWhenItIsBack()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;

        await Redis.KillAsync();
        await device.AwayAsync();
        await device.SendAsync("heartbeat", new { status = "away" });
        await device.ReceiveAsync("heartbeat");
        await viewer.SettleAsync();
        Assert.Empty(viewer.KeptPresence());
        await using (var late = await First.ConnectAsync(Anna))
        {
            await late.SubscribeAsync(Anna.UserId);
            Assert.Equal("offline", (await late.SeesAsync(Anna.UserId)).Status); // nothing can be read: an answer all the same
        }
        await using var local = await First.ConnectAsync(await First.LogInAsync("bob"));
        await viewer.TypeAsync(Channel);
        await local.ReceiveAsync("typing"); // at least those on the same server

        await Redis.RestartAsync();
        await local.LeaveAsync();
        await viewer.SeesAsync(Bob.UserId, "away", "desktop");
    }

    [Fact]
    public async Task Keys_OfPresence_ExpireAsTheServersWordDoes()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        var life = long.Parse((await Redis.AskAsync("PTTL", $"test:presence:{{{Bob.UserId}}}")).Trim(':', '\r', '\n'), System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(life, 1, (long)Life.TotalMilliseconds);
        Assert.Equal("+hash\r\n", await Redis.AskAsync("TYPE", $"test:presence:{{{Bob.UserId}}}"));
        Assert.Equal(TimeSpan.FromSeconds(30), new CellOptions { Cell = "a", Number = 1, Region = "r", DataDirectory = "", SecretsDirectory = "" }.RegistrationLife);
    }

    [Fact]
    public async Task Presence_WrittenBySomebodyElse_BreaksNothing()
    {
        var (viewer, device) = await ViewAsync();
        await using var _ = viewer;
        await using var __ = device;
        await Redis.AskAsync("HSET", $"test:presence:{{{Bob.UserId}}}", "evil", "99999999999999|x|<script>|y");
        await device.AwayAsync();
        await viewer.SeesAsync(Bob.UserId, "away", "desktop");
    }

    [Fact]
    public async Task Typing_ToAMemberOnTheOtherServer_IsPassedOn()
    {
        await using var sender = await First.ConnectAsync(Anna);
        await using var receiver = await Second.ConnectAsync(Bob);
        await sender.TypeAsync(Channel);
        Assert.True((bool)(await receiver.PayloadAsync("typing"))["typing"]!);
        await sender.TypeAsync(Channel, typing: false);
        Assert.False((bool)(await receiver.PayloadAsync("typing"))["typing"]!);
    }
}
