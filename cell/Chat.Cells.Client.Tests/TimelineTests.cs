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

    [Fact]
    public void Change_AnyOrderWithItsMessage_EndsTheSame()
    {
        Prop.ForAll<(byte Id, bool IsDeleted)[], byte>((changes, at) =>
        {
            var timeline = new ChannelTimeline(Channel, 10);
            for (var i = 0; i <= changes.Length; i++)
            {
                if (i == at % (changes.Length + 1)) timeline.Insert(Message(1));
                if (i < changes.Length) timeline.Change(new MessageChange(Id(1), Id(changes[i].Id), "text", $"{changes[i].Id}", changes[i].IsDeleted));
            }
            var shown = timeline.Snapshot().Single();
            if (changes.Length == 0) return shown == Message(1);
            var last = changes.OrderBy(c => c.IsDeleted).ThenBy(c => c.Id).Last();
            return shown.IsDeleted == last.IsDeleted && shown.EventId == Id(last.Id) && shown.Content == (last.IsDeleted ? "" : $"{last.Id}");
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Change_OfMessagesThatNeverCame_AreKeptForTheNewestOnly()
    {
        var timeline = new ChannelTimeline(Channel, 10);
        for (var i = 1; i <= 300; i++) timeline.Change(new MessageChange(Id(i), Id(1_000 + i), "text", "edited", false));
        timeline.Insert(Message(44));
        timeline.Insert(Message(45));
        Assert.Equal(["44", "edited"], timeline.Snapshot().Select(m => m.Content));
    }

    private static ChatMessage Message(int n) => new(Channel, Id(n), "eu.other", "text", $"{n}", null, 1);
}
