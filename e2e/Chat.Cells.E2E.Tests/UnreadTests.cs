using Chat.Cells.E2E.Tests.Clusters;
using static Chat.Cells.E2E.Tests.Clusters.ClusterFixture;

namespace Chat.Cells.E2E.Tests;

[Collection(ClusterCollection.Name)]
public sealed class UnreadTests(ClusterFixture cluster)
{
    [Fact]
    public async Task Counts_AcrossCells_AreTheSameOnEveryDeviceAndOverHttp()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(cluster.Regions.Second);
        await using var second = await LiveAsync(cluster.NewClient(await cluster.LogInAsync(ben.Session.Handle)));
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        for (var i = 1; i <= 3; i++) await anna.Send(channel, $"m{i}").Outcome.WaitAsync(TimeSpan.FromSeconds(30));

        await Poll.UntilAsync(() => ben.Unread.Of(channel).Count == 3 && second.Unread.Of(channel).Count == 3, "both devices are told of three");
        Assert.True(ben.Unread.IsKnown);
        Assert.Equal((channel, 3), Assert.Single((await ben.Api.GetUnreadAsync(default)).Select(c => (c.ChannelId, c.Count))));
        Assert.Equal((0, false), anna.Unread.Total);

        await Poll.UntilAsync(() => second.Timeline(channel).Count == 3, "the second device has them");
        second.MarkRead(channel, second.Timeline(channel).Snapshot()[1].MessageId);
        await Poll.UntilAsync(() => ben.Unread.Of(channel).Count == 1 && second.Unread.Of(channel).Count == 1, "two were read on one device");
        ben.DropConnection();
        second.MarkRead(channel, second.Timeline(channel).HighestId!);
        await Poll.UntilAsync(() => ben.Unread.Total == (0, false), "the other one knows after its reconnect too");
        Assert.Empty(await second.Api.GetUnreadAsync(default));
    }
}
