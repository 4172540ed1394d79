using Chat.Cells.Client.Timelines;
using FsCheck;
using FsCheck.Fluent;
using static Chat.Cells.Client.Tests.Servers.ClientFixture;

namespace Chat.Cells.Client.Tests;

public sealed class TimelineTests
{
    [Fact]
    public void Insert_AnyOrderWithRepeats_IsSortedWithoutRepeats()
    {
        Prop.ForAll<byte[]>(numbers =>
        {
            var timeline = new ChannelTimeline(Channel, 1_000);
            var fresh = numbers.Count(n => timeline.Insert(Message(n)));
            var expected = numbers.Distinct().Order().Select(n => Id(n)).ToArray();
            return timeline.Snapshot().Select(m => m.MessageId).SequenceEqual(expected)
                && fresh == expected.Length
                && timeline.HighestId == expected.LastOrDefault();
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Insert_PastTheCapacity_DropsTheOldestAndDoesNotTakeThemBack()
    {
        var timeline = new ChannelTimeline(Channel, 3);
        for (var i = 1; i <= 5; i++) Assert.True(timeline.Insert(Message(i)));
        Assert.False(timeline.Insert(Message(1)));
        Assert.Equal([Id(3), Id(4), Id(5)], timeline.Snapshot().Select(m => m.MessageId));
        Assert.Equal(Id(5), timeline.HighestId);
    }

    private static ChatMessage Message(int n) => new(Channel, Id(n), "eu.other", "text", $"{n}", null, 1);
}
