using Chat.Cells.Cell.Presence;

namespace Chat.Cells.Cell.Tests.Presence;

/// <summary>What a viewer is shown when notices and reads come in any order.</summary>
public sealed class ViewedTests
{
    private readonly Viewed viewed = new("a");
    private readonly Watcher viewer = new();
    private long clock = 100;

    public ViewedTests() => Assert.True(viewed.TryAdd(viewer, 0, out _));

    private static PresenceSnapshot Online(long stamp) => new("a", PresenceStatus.Online, 1, ["web"], stamp);

    private static PresenceSnapshot Away(long stamp) => new("a", PresenceStatus.Away, 1, ["web"], stamp);

    private void Notice(PresenceSnapshot snapshot) => viewed.Notice(snapshot, ++clock, 0);

    private void Read(PresenceSnapshot? found, long? beganAt = null) => viewed.Read(found, beganAt ?? clock, 10, ++clock, 0);

    [Fact]
    public void Notice_OlderThanWhatIsShown_IsPassedOver()
    {
        Read(Online(5));
        Notice(Away(4));
        Notice(Away(5));
        Assert.Equal([PresenceStatus.Online], viewer.Seen);
        Notice(Away(6));
        Assert.Equal([PresenceStatus.Online, PresenceStatus.Away], viewer.Seen);
    }

    [Fact]
    public void Read_BegunBeforeANewerNotice_IsPassedOver()
    {
        Read(Online(5));
        var began = clock;
        Notice(Away(6));
        Read(Online(5), began);
        Assert.Equal([PresenceStatus.Online, PresenceStatus.Away], viewer.Seen);
    }

    [Fact]
    public void Read_OfAStateWhoseClockWentBack_IsBelieved()
    {
        Read(Online(1_000));
        Read(Away(7));
        Notice(Online(8));
        Assert.Equal([PresenceStatus.Online, PresenceStatus.Away, PresenceStatus.Online], viewer.Seen);
    }

    [Fact]
    public void Read_FindingNothing_ShowsOfflineOnlyAfterALife()
    {
        Read(Online(5));
        for (var i = 0; i < 10; i++) Read(null);
        Assert.Equal([PresenceStatus.Online], viewer.Seen);
        Read(Online(6)); // found again: it begins anew
        for (var i = 0; i < 10; i++) Read(null);
        Assert.Equal([PresenceStatus.Online], viewer.Seen);
        Read(null);
        Assert.Equal([PresenceStatus.Online, PresenceStatus.Offline], viewer.Seen);
    }

    [Fact]
    public void Read_FindingNothingAtFirst_IsAnAnswer()
    {
        Read(null);
        viewed.GiveUp(++clock, 0);
        Assert.Equal([PresenceStatus.Offline], viewer.Seen);
    }

    [Fact]
    public void Viewers_ComingAndGoing_AreShownWhatIsKnownAndTheLastOneRemoves()
    {
        var second = new Watcher();
        Read(Online(5));
        Assert.True(viewed.TryAdd(second, 0, out var isKnown));
        Assert.True(isKnown);
        Assert.Equal([PresenceStatus.Online], second.Seen);
        Assert.False(viewed.Remove(viewer));
        Assert.True(viewed.Remove(second));
        Assert.False(viewed.TryAdd(viewer, 0, out _));
        Notice(Away(6));
        Assert.Equal([PresenceStatus.Online], second.Seen);
    }

    private sealed class Watcher : IPresenceViewer
    {
        public List<PresenceStatus> Seen { get; } = [];

        public void Show(ShownPresence shown) => Seen.Add(shown.Snapshot.Status);
    }
}
