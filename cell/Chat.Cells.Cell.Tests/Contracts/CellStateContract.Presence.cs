using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;

namespace Chat.Cells.Cell.Tests.Contracts;

public abstract partial class CellStateContract
{
    private const long Noon = 1_800_000_000_000;
    private static readonly DeviceKinds Web = DeviceKinds.Of("web", isAway: false);
    private static readonly DeviceKinds MobileAway = DeviceKinds.Of("mobile", isAway: true);

    private UserPresence Say(string user, DeviceKinds devices, long at = Noon) => new(Name(user), at, devices);

    private async Task<PresenceChange> SetAsync(string server, string user, DeviceKinds devices, TimeSpan? life = null, long at = Noon) =>
        Assert.Single(await State.SetPresenceAsync(server, [Say(user, devices, at)], life ?? Minute, default));

    private async Task<PresenceSnapshot?> WatchAsync(string server, string user, TimeSpan? life = null) =>
        Assert.Single(await State.WatchPresenceAsync(server, [Name(user)], life ?? Minute, default));

    private static void AssertIs(PresenceStatus status, long? lastActiveAt, string[] devices, PresenceSnapshot? snapshot)
    {
        Assert.NotNull(snapshot);
        Assert.Equal((status, lastActiveAt), (snapshot.Status, snapshot.LastActiveAt));
        Assert.Equal(devices, snapshot.Devices);
    }

    [Fact]
    public async Task Presence_NeverSaid_IsNotKnown()
    {
        Assert.Null(await WatchAsync("v1", "a"));
        Assert.Empty(await State.WatchPresenceAsync("v1", [], Minute, default));
        Assert.Empty(await State.SetPresenceAsync("s1", [], Minute, default));
        Assert.Empty(await State.RefreshAsync("s1", [], Minute, default));
    }

    [Fact]
    public async Task Presence_OfTwoServers_IsMerged()
    {
        AssertIs(PresenceStatus.Away, Noon, ["mobile"], (await SetAsync("s1", "a", MobileAway)).Snapshot);
        AssertIs(PresenceStatus.Online, Noon + 5, ["web"], (await SetAsync("s2", "a", Web, at: Noon + 5)).Snapshot);
        AssertIs(PresenceStatus.Online, Noon + 5, ["mobile", "web"], (await SetAsync("s1", "a", DeviceKinds.Of("mobile", isAway: false))).Snapshot);
        AssertIs(PresenceStatus.Online, Noon + 5, ["desktop", "mobile", "web"], (await SetAsync("s2", "a", Web.With("desktop", isAway: false).With("tv", isAway: true))).Snapshot);
        AssertIs(PresenceStatus.Online, Noon + 5, ["mobile"], (await SetAsync("s2", "a", DeviceKinds.None)).Snapshot);
        AssertIs(PresenceStatus.Online, Noon + 5, ["mobile"], await WatchAsync("v1", "a"));
    }

    [Fact]
    public async Task Presence_LastServerLeaves_IsOfflineAndRemembersWhen()
    {
        await SetAsync("s1", "a", Web, at: Noon + 1);

        AssertIs(PresenceStatus.Offline, Noon + 9, [], (await SetAsync("s1", "a", DeviceKinds.None, at: Noon + 9)).Snapshot);
        AssertIs(PresenceStatus.Offline, Noon + 9, [], await WatchAsync("v1", "a"));
        AssertIs(PresenceStatus.Online, Noon + 9, ["web"], (await SetAsync("s1", "a", Web, at: Noon + 2)).Snapshot);
    }

    [Fact]
    public async Task Presence_NotSaidAgain_ExpiresForThatServerOnly()
    {
        await SetAsync("s1", "a", MobileAway, Minute);
        await SetAsync("s2", "a", Web, Short, Noon + 7);
        await SetAsync("s2", "b", Web, Short);
        AssertIs(PresenceStatus.Online, Noon + 7, ["web"], await WatchAsync("v1", "a"));

        await PassAsync(Over);

        AssertIs(PresenceStatus.Away, Noon + 7, ["mobile"], await WatchAsync("v1", "a"));
        AssertIs(PresenceStatus.Offline, Noon, [], await WatchAsync("v1", "b"));
    }

    [Fact]
    public async Task Set_SeveralUsers_AnswersInOrderAndStampsGrow()
    {
        var changes = await State.SetPresenceAsync("s1", [Say("b", Web), Say("a", MobileAway), Say("c", DeviceKinds.None)], Minute, default);

        Assert.Equal([Name("b"), Name("a"), Name("c")], changes.Select(c => c.Snapshot.UserId));
        Assert.Equal([PresenceStatus.Online, PresenceStatus.Away, PresenceStatus.Offline], changes.Select(c => c.Snapshot.Status));
        var stamp = changes[0].Snapshot.Stamp;
        for (var i = 0; i < 5; i++)
        {
            var next = (await SetAsync("s1", "b", i % 2 == 0 ? MobileAway : Web)).Snapshot.Stamp;
            Assert.True(next > stamp);
            stamp = next;
        }
        Assert.True((await WatchAsync("v1", "b"))!.Stamp > stamp);
    }

    [Fact]
    public async Task Watchers_AreNamedToWhoMakesAChange_UntilTheyExpire()
    {
        Assert.Empty((await SetAsync("s1", "a", Web)).Watchers);
        await WatchAsync("v1", "a");
        await WatchAsync("v2", "a", Short);
        await WatchAsync("v1", "b");

        Assert.Equal(["v1", "v2"], (await SetAsync("s1", "a", MobileAway)).Watchers.Order());
        await PassAsync(Over);
        Assert.Equal(["v1"], (await SetAsync("s2", "a", Web)).Watchers);
        Assert.Equal(["v1"], (await SetAsync("s1", "b", Web)).Watchers);
    }

    [Fact]
    public async Task Refresh_RegistersSaysPresenceAndReturnsCursors()
    {
        await State.AdvanceCursorsAsync([new UserCursor(Name("b"), new InboxCursor(1, 2, 3))], default);
        await SetAsync("s2", "b", MobileAway, TimeSpan.FromSeconds(2));

        var cursors = await State.RefreshAsync("s1", [Say("a", Web), Say("b", Web, Noon + 3)], Short + TimeSpan.FromSeconds(2), default);

        Assert.Equal([null, new InboxCursor(1, 2, 3)], cursors);
        Assert.Equal(["s1"], await ServersAsync("a"));
        AssertIs(PresenceStatus.Online, Noon, ["web"], await WatchAsync("v1", "a"));
        AssertIs(PresenceStatus.Online, Noon + 3, ["web"], await WatchAsync("v1", "b"));
        await PassAsync(TimeSpan.FromSeconds(3)); // the other server's word, of 2 s, is over
        AssertIs(PresenceStatus.Online, Noon + 3, ["web"], await WatchAsync("v1", "b"));
        await PassAsync(Over);
        Assert.Empty(await ServersAsync("a"));
        AssertIs(PresenceStatus.Offline, Noon + 3, [], await WatchAsync("v1", "b"));
    }
}
