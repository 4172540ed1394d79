using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Tests.Presence;

/// <summary>Presence as clients of one embedded server see it.</summary>
public sealed class PresenceTests : IAsyncLifetime
{
    private TestCell cell = null!;
    private TestUser anna = null!;
    private TestUser bob = null!;

    public async Task InitializeAsync()
    {
        cell = await TestCell.StartAsync(o => o with { TickInterval = TimeSpan.FromMilliseconds(300) });
        anna = await cell.SignUpAsync("anna");
        bob = await cell.SignUpAsync("bob");
        await cell.CreateDirectAsync(anna, bob);
    }

    public async Task DisposeAsync() => await cell.DisposeAsync();

    [Fact]
    public async Task Subscribe_EachUser_IsShownAtOnceAndThenOnChange()
    {
        await using var viewer = await cell.ConnectAsync(anna);
        await viewer.SubscribeAsync(bob.UserId, anna.UserId);
        var before = await viewer.SeesAsync(bob.UserId);
        Assert.Equal(("offline", "", null), (before.Status, before.Devices, before.LastActiveAt));
        Assert.Equal(("online", "desktop"), await viewer.SeesAsync(anna.UserId) is var self ? (self.Status, self.Devices) : default);

        var began = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await using var device = await cell.ConnectAsync(bob);
        var online = await viewer.SeesAsync(bob.UserId);
        Assert.Equal(("online", "desktop"), (online.Status, online.Devices));
        Assert.InRange(online.LastActiveAt!.Value, began, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());

        await device.AwayAsync();
        Assert.Equal("away", (await viewer.SeesAsync(bob.UserId)).Status);
        await device.BackAsync();
        Assert.Equal("online", (await viewer.SeesAsync(bob.UserId)).Status);
        await device.LeaveAsync();
        var gone = await viewer.SeesAsync(bob.UserId);
        Assert.Equal(("offline", ""), (gone.Status, gone.Devices));
        Assert.InRange(gone.LastActiveAt!.Value, online.LastActiveAt.Value, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
    }

    [Fact]
    public async Task Devices_OfOneUser_AreMerged()
    {
        await using var viewer = await cell.ConnectAsync(anna);
        await using var desktop = await cell.ConnectAsync(bob);
        await viewer.SubscribeAsync(bob.UserId);
        await viewer.SeesAsync(bob.UserId, "online", "desktop");

        await using var phone = await cell.ConnectAsync(await cell.LogInAsync("bob"));
        await viewer.SeesAsync(bob.UserId, "online", "desktop", "phone");
        await desktop.AwayAsync();
        await viewer.SeesAsync(bob.UserId, "online", "phone");
        await phone.AwayAsync();
        await viewer.SeesAsync(bob.UserId, "away", "desktop", "phone");
        await phone.LeaveAsync();
        await viewer.SeesAsync(bob.UserId, "away", "desktop");
        await desktop.SendAsync("heartbeat", new { });
        await viewer.SeesAsync(bob.UserId, "online", "desktop");
    }

    [Fact]
    public async Task Subscribe_Again_ReplacesTheViewAndAnEmptyOneEndsIt()
    {
        var carl = await cell.SignUpAsync("carl");
        await cell.CreateGroupAsync(anna, "three", bob, carl);
        await using var viewer = await cell.ConnectAsync(anna);
        await viewer.SubscribeAsync(bob.UserId, carl.UserId);
        await viewer.SeesAsync(bob.UserId);
        await viewer.SeesAsync(carl.UserId);
        await viewer.SubscribeAsync(carl.UserId, carl.UserId);
        await viewer.SeesAsync(carl.UserId);

        await using var first = await cell.ConnectAsync(bob);
        await using var second = await cell.ConnectAsync(carl);
        await viewer.SeesAsync(carl.UserId, "online", "desktop");
        await viewer.SettleAsync();
        Assert.Empty(viewer.KeptPresence());

        await viewer.SubscribeAsync();
        await Poll.UntilAsync(() => Views.Count == 0, "nobody is viewed");
        await second.LeaveAsync();
        await viewer.SettleAsync();
        Assert.Empty(viewer.KeptPresence());
    }

    [Fact]
    public async Task Viewer_Ended_ViewsNobody()
    {
        var viewer = await cell.ConnectAsync(anna);
        await viewer.SubscribeAsync(bob.UserId, anna.UserId);
        await viewer.SeesAsync(bob.UserId);
        Assert.Equal(2, Views.Count);
        await viewer.DisposeAsync();
        await Poll.UntilAsync(() => Views.Count == 0, "nobody is viewed");
    }

    [Fact]
    public async Task Socket_BrokenWithoutGoodbye_IsOfflineSoonUnlessItsDeviceComesBack()
    {
        // A device has until the tick after next to come back: long enough for a busy machine.
        var tick = TimeSpan.FromSeconds(3);
        await using var patient = await TestCell.StartAsync(o => o with { TickInterval = tick });
        var (viewing, viewed) = (await patient.SignUpAsync("anna"), await patient.SignUpAsync("bob"));
        await patient.CreateDirectAsync(viewing, viewed);
        await using var viewer = await patient.ConnectAsync(viewing);
        var device = await patient.ConnectAsync(viewed);
        await viewer.SubscribeAsync(viewed.UserId);
        await viewer.SeesAsync(viewed.UserId, "online", "desktop");

        await device.DisposeAsync();
        await using (var back = await patient.ConnectAsync(viewed))
        {
            for (var i = 0; i < 3; i++)
            {
                await Task.Delay(tick); // what was to happen would have
                await viewer.SettleAsync();
            }
            Assert.Empty(viewer.KeptPresence());
        }
        await viewer.SeesAsync(viewed.UserId, "offline");
    }

    [Fact]
    public async Task Subscribe_ToStrangers_LooksLikeOfflineAndSaysSo()
    {
        var stranger = await cell.SignUpAsync("stranger");
        await using var there = await cell.ConnectAsync(stranger);
        await using var viewer = await cell.ConnectAsync(anna);
        var nobody = UserId.Create("eu-west-1", Ulid.NewUlid());
        var elsewhere = UserId.Create("no-such-cell", Ulid.NewUlid());

        await viewer.SubscribeAsync(stranger.UserId, nobody, bob.UserId, elsewhere);

        foreach (var userId in new[] { stranger.UserId, nobody, elsewhere })
        {
            var seen = await viewer.SeesAsync(userId);
            Assert.Equal(("offline", "", null), (seen.Status, seen.Devices, seen.LastActiveAt));
        }
        Assert.Equal(ErrorCodes.Forbidden, (string)(await viewer.PayloadAsync("error", "view"))["code"]!);
        await viewer.SeesAsync(bob.UserId);
        await there.AwayAsync();
        await there.LeaveAsync();
        await using var again = await cell.ConnectAsync(bob);
        await viewer.SeesAsync(bob.UserId, "online", "desktop");
        Assert.DoesNotContain(viewer.KeptPresence(), s => s.UserId == stranger.UserId);
    }

    [Fact]
    public async Task Subscribe_ToWhoHasTheViewerAmongTheirContacts_IsAllowedAndNotTheOtherWayRound()
    {
        var stranger = await cell.SignUpAsync("stranger");
        using (var put = await cell.SendAsync(HttpMethod.Put, cell.Public, $"/v1/contacts/{anna.UserId}", stranger.Token)) put.EnsureSuccessStatusCode();
        await using var one = await cell.ConnectAsync(anna);
        await using var other = await cell.ConnectAsync(stranger);

        await one.SubscribeAsync(stranger.UserId);
        await one.SeesAsync(stranger.UserId, "online", "desktop");
        await other.SubscribeAsync(anna.UserId);
        Assert.Equal("offline", (await other.SeesAsync(anna.UserId)).Status);
        Assert.Equal(ErrorCodes.Forbidden, (string)(await other.PayloadAsync("error", "view"))["code"]!);
    }

    [Fact]
    public async Task Subscribe_BeforeTheirFirstChannelIsThere_IsShownOnceItIs()
    {
        var carl = await cell.SignUpAsync("carl");
        var dora = await cell.SignUpAsync("dora");
        await using var viewer = await cell.ConnectAsync(anna);
        await using var one = await cell.ConnectAsync(carl);
        await using var other = await cell.ConnectAsync(dora);
        await viewer.SubscribeAsync(bob.UserId, carl.UserId, dora.UserId);
        await viewer.ReceiveAsync("error", "view");
        Assert.Equal("offline", (await viewer.SeesAsync(carl.UserId)).Status);

        await cell.CreateDirectAsync(anna, carl);
        await viewer.SeesAsync(carl.UserId, "online", "desktop");
        // At once again: waits for its turn, and is not forgotten.
        await cell.CreateGroupAsync(anna, "three", carl, dora);
        await viewer.SeesAsync(dora.UserId, "online", "desktop");
        await viewer.SettleAsync();
        Assert.Empty(viewer.Kept("error"));
        Assert.Equal(3, Views.Count);
    }

    [Fact]
    public async Task Member_WhoLeftTheOnlySharedGroup_IsRefusedWhenAskedForAgain()
    {
        var carl = await cell.SignUpAsync("carl");
        var group = await cell.CreateGroupAsync(anna, "team", carl);
        await using var there = await cell.ConnectAsync(carl);
        await using var viewer = await cell.ConnectAsync(anna);
        await viewer.SubscribeAsync(carl.UserId);
        await viewer.SeesAsync(carl.UserId, "online", "desktop");

        using (var left = await cell.SendAsync(HttpMethod.Delete, cell.Public, $"/v1/channels/{group}/members/{carl.UserId}?requestId=leave", carl.Token)) left.EnsureSuccessStatusCode();
        await viewer.SubscribeAsync(carl.UserId);

        await viewer.ReceiveAsync("error", "view");
        await viewer.SeesAsync(carl.UserId, "offline");
        Assert.Equal(0, Views.Count);
    }

    [Fact]
    public async Task Status_ToggledMadly_IsToldAtMostOnceASecondAndEndsRight()
    {
        await using var viewer = await cell.ConnectAsync(anna);
        await using var device = await cell.ConnectAsync(bob);
        await viewer.SubscribeAsync(bob.UserId);
        await viewer.SeesAsync(bob.UserId, "online", "desktop");

        var began = DateTimeOffset.UtcNow;
        for (var i = 0; i < 500; i++) await (i % 2 == 0 ? device.AwayAsync() : device.BackAsync());
        await device.AwayAsync();
        await device.SettleAsync(); // says online by its heartbeat
        await device.AwayAsync();
        await Poll.UntilAsync(
            async () =>
            {
                await viewer.SettleAsync();
                return viewer.KeptPresence() is [.., { Status: "away" }] && (DateTimeOffset.UtcNow - began).TotalSeconds > 2.5;
            },
            "the last word is shown");
        Assert.InRange(viewer.KeptPresence().Count, 1, 3 + (int)(DateTimeOffset.UtcNow - began).TotalSeconds);
    }

    [Fact]
    public async Task Subscribe_TooOften_IsRateLimitedAndChangesNothing()
    {
        await using var viewer = await cell.ConnectAsync(anna);
        await viewer.SubscribeAsync(bob.UserId);
        await viewer.SeesAsync(bob.UserId);
        var limited = false;
        for (var i = 0; i < 30 && !limited; i++)
        {
            await viewer.SubscribeAsync(anna.UserId, bob.UserId);
            var frame = await viewer.NextAsync();
            while ((string)frame!["type"]! == "presence" && (string)frame["payload"]!["userId"]! != bob.UserId) frame = await viewer.NextAsync();
            limited = (string)frame["type"]! == "error";
            if (limited)
            {
                Assert.Equal(ErrorCodes.RateLimited, (string)frame["payload"]!["code"]!);
                Assert.InRange((int)frame["payload"]!["retryAfter"]!, 1, 1_000);
            }
        }
        Assert.True(limited);
        await using var device = await cell.ConnectAsync(bob);
        await viewer.SeesAsync(bob.UserId, "online", "desktop");
    }

    [Theory]
    [InlineData("presence_subscribe", "{}")]
    [InlineData("presence_subscribe", "null")]
    [InlineData("presence_subscribe", "{\"userIds\":null}")]
    [InlineData("presence_subscribe", "{\"userIds\":\"eu-west-1.01ARZ3NDEKTSV4RRFFQ69G5FAV\"}")]
    [InlineData("presence_subscribe", "{\"userIds\":{}}")]
    [InlineData("presence_subscribe", "{\"userIds\":[1]}")]
    [InlineData("presence_subscribe", "{\"userIds\":[null]}")]
    [InlineData("presence_subscribe", "{\"userIds\":[\"\"]}")]
    [InlineData("presence_subscribe", "{\"userIds\":[\"anna\"]}")]
    [InlineData("presence_subscribe", "{\"userIds\":[[\"eu-west-1.01ARZ3NDEKTSV4RRFFQ69G5FAV\"]]}")]
    [InlineData("presence_subscribe", "{\"userIds\":[\"eu-west-1.01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"\\ud800\"]}")]
    [InlineData("typing", "{}")]
    [InlineData("typing", "null")]
    [InlineData("typing", "{\"channelId\":\"x\",\"typing\":true}")]
    [InlineData("typing", "{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\"}")]
    [InlineData("typing", "{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"typing\":\"yes\"}")]
    [InlineData("typing", "{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"typing\":1}")]
    [InlineData("typing", "{\"channelId\":7,\"typing\":true}")]
    [InlineData("heartbeat", "{\"status\":\"asleep\"}")]
    [InlineData("heartbeat", "{\"status\":1}")]
    public async Task Payload_ThatMakesNoSense_GetsBadRequestAndChangesNothing(string type, string payload)
    {
        await using var viewer = await cell.ConnectAsync(anna);
        await viewer.SubscribeAsync(bob.UserId);
        await viewer.SeesAsync(bob.UserId);
        await viewer.SendTextAsync($"{{\"type\":\"{type}\",\"payload\":{payload},\"requestId\":\"r1\"}}");
        Assert.Equal(ErrorCodes.BadRequest, (string)(await viewer.PayloadAsync("error", "r1"))["code"]!);
        await using var device = await cell.ConnectAsync(bob);
        await viewer.SeesAsync(bob.UserId, "online", "desktop");
    }

    [Fact]
    public async Task Subscribe_ToTooMany_GetsBadRequestAndExactlyTheLimitIsTaken()
    {
        await using var viewer = await cell.ConnectAsync(anna);
        string[] most = [.. Enumerable.Range(0, ProtocolLimits.MaxPresenceUsers).Select(_ => UserId.Create("eu-west-1", Ulid.NewUlid()))];
        await viewer.SubscribeAsync([.. most, bob.UserId]);
        Assert.Equal(ErrorCodes.BadRequest, (string)(await viewer.PayloadAsync("error", "view"))["code"]!);
        await viewer.SettleAsync();
        Assert.Empty(viewer.KeptPresence());

        await viewer.SubscribeAsync(most);
        foreach (var userId in most) await viewer.SeesAsync(userId);
        Assert.Equal(ErrorCodes.Forbidden, (string)(await viewer.PayloadAsync("error", "view"))["code"]!);
    }

    [Fact]
    public async Task Subscribe_BeforeSync_GetsBadRequest()
    {
        await using var early = await cell.OpenAsync(anna);
        await early.SubscribeAsync(bob.UserId);
        Assert.Equal(ErrorCodes.BadRequest, (string)(await early.PayloadAsync("error", "view"))["code"]!);
    }

    private Cell.Presence.PresenceViews Views => (Cell.Presence.PresenceViews)cell.Services.GetService(typeof(Cell.Presence.PresenceViews))!;
}
