using System.Net;
using Chat.Cells.Client;
using Chat.Cells.Client.Accounts;
using Chat.Cells.E2E.Tests.Clusters;
using Chat.Cells.Protocol;
using static Chat.Cells.E2E.Tests.Clusters.ClusterFixture;

namespace Chat.Cells.E2E.Tests;

[Collection(ClusterCollection.Name)]
public sealed class ChatTests(ClusterFixture cluster)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Direct_BothTalk_BothShowTheSame(bool acrossCells)
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(acrossCells ? cluster.Regions.Second : cluster.Regions.First);
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        Assert.True((await SendAsync(anna, channel, "hello ben")).IsAccepted);
        await ShowsAsync(ben, channel, "hello ben");
        Assert.True((await SendAsync(ben, channel, "hello anna", ben.Timeline(channel).HighestId)).IsAccepted);
        await ShowsAsync(anna, channel, "hello ben", "hello anna");
        await ShowsAsync(ben, channel, "hello ben", "hello anna");
        Assert.Equal(anna.Timeline(channel).Snapshot().Select(m => m.MessageId), ben.Timeline(channel).Snapshot().Select(m => m.MessageId));
        Assert.Equal(anna.Timeline(channel).Snapshot()[0].MessageId, anna.Timeline(channel).Snapshot()[1].ReplyTo);
    }

    [Fact]
    public async Task Direct_CreatedFromBothSides_IsOneChannel()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(cluster.Regions.Second);
        var created = await Task.WhenAll(anna.Api.CreateDirectAsync(ben.UserId, default), ben.Api.CreateDirectAsync(anna.UserId, default));
        Assert.Equal(created[0].ChannelId, created[1].ChannelId);
        await SendAsync(anna, created[0].ChannelId, "one");
        await ShowsAsync(ben, created[0].ChannelId, "one");
    }

    [Fact]
    public async Task Group_AcrossCells_EveryDeviceShowsEverythingInOneOrder()
    {
        var sessions = new List<Session>();
        for (var i = 0; i < 4; i++) sessions.Add(await cluster.SignUpAsync(i % 2 == 0 ? cluster.Regions.First : cluster.Regions.Second));
        sessions.Add(await cluster.LogInAsync(sessions[1].Handle)); // A second device.
        var clients = await Task.WhenAll(sessions.Select(s => LiveAsync(cluster.NewClient(s))));
        try
        {
            var group = await clients[0].Api.CreateGroupAsync("Trip", sessions.Skip(1).Take(3).Select(s => s.UserId).ToArray(), default);
            await Poll.UntilAsync(() => clients.All(c => c.Channels.Any(x => x.ChannelId == group.ChannelId)), "everyone knows the group");
            var sends = clients.SelectMany(c => Enumerable.Range(0, 10).Select(i => c.Send(group.ChannelId, $"{c.Session.DeviceId} {i}"))).ToArray();
            var outcomes = await Task.WhenAll(sends.Select(s => s.Outcome)).WaitAsync(TimeSpan.FromSeconds(60));
            Assert.All(outcomes, o => Assert.True(o.IsAccepted, o.ErrorCode));
            await Poll.UntilAsync(() => clients.All(c => c.Timeline(group.ChannelId).Count == sends.Length), "everyone is shown everything");
            var reference = clients[0].Timeline(group.ChannelId).Snapshot().Select(m => m.MessageId).ToArray();
            foreach (var client in clients)
            {
                Assert.Equal(reference, client.Timeline(group.ChannelId).Snapshot().Select(m => m.MessageId));
                var own = client.Timeline(group.ChannelId).Snapshot().Select(m => m.Content).Where(c => c.StartsWith(client.Session.DeviceId, StringComparison.Ordinal));
                Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{client.Session.DeviceId} {i}"), own);
            }
        }
        finally
        {
            foreach (var client in clients) await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task Group_MemberRemoved_SeesNothingMoreAndMayNotSend()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(cluster.Regions.Second);
        await using var cleo = await cluster.NewUserAsync(cluster.Regions.First);
        var group = (await anna.Api.CreateGroupAsync("Three", [ben.UserId, cleo.UserId], default)).ChannelId;
        await Poll.UntilAsync(() => ben.Channels.Any(c => c.ChannelId == group), "ben knows the group");
        await SendAsync(anna, group, "all three");
        await ShowsAsync(ben, group, "all three");
        await anna.Api.RemoveMemberAsync(group, ben.UserId, default);
        await Poll.UntilAsync(() => !ben.Channels.Any(c => c.ChannelId == group), "ben is told");
        await SendAsync(anna, group, "without ben");
        await ShowsAsync(cleo, group, "all three", "without ben");
        var refused = await SendAsync(ben, group, "still here?");
        Assert.Equal(ErrorCodes.NotMember, refused.ErrorCode);
        Assert.Single(ben.Timeline(group).Snapshot());
        await anna.Api.PutMemberAsync(group, ben.UserId, "member", default);
        await Poll.UntilAsync(() => ben.Channels.Any(c => c.ChannelId == group), "ben is back");
        await SendAsync(anna, group, "with ben");
        await Poll.UntilAsync(() => ben.Timeline(group).Snapshot().Any(m => m.Content == "with ben"), "ben is shown what comes after");
        Assert.DoesNotContain(ben.Timeline(group).Snapshot(), m => m.Content == "without ben");
    }

    [Fact]
    public async Task Send_ToAChannelOfOthers_IsRefusedAsIfItDidNotExist()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(cluster.Regions.First);
        await using var mallory = await cluster.NewUserAsync(cluster.Regions.Second);
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        await SendAsync(anna, channel, "private");
        var intrusion = await SendAsync(mallory, channel, "let me in");
        var nowhere = await SendAsync(mallory, "d.00000000000000000000000000", "hello?");
        Assert.Equal(ErrorCodes.NotMember, intrusion.ErrorCode);
        Assert.Equal(intrusion.ErrorCode, nowhere.ErrorCode);
        var read = await Assert.ThrowsAsync<ChatApiException>(() => mallory.Api.GetHistoryPageAsync(channel, null, 10, default));
        var readNowhere = await Assert.ThrowsAsync<ChatApiException>(() => mallory.Api.GetHistoryPageAsync("d.00000000000000000000000000", null, 10, default));
        Assert.Equal(HttpStatusCode.Forbidden, read.Status);
        Assert.Equal((read.Status, read.Code, read.Message), (readNowhere.Status, readNowhere.Code, readNowhere.Message));
        await ShowsAsync(ben, channel, "private");
    }

    [Fact]
    public async Task Send_LongestTextAcrossCells_ArrivesWholeAndOneMoreIsTooLarge()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(cluster.Regions.Second);
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        var longest = string.Concat(Enumerable.Repeat("😀", ProtocolLimits.MaxTextCodePoints));
        Assert.True((await SendAsync(anna, channel, longest)).IsAccepted);
        await ShowsAsync(ben, channel, longest);
        Assert.Equal(ErrorCodes.TooLarge, (await SendAsync(anna, channel, new string('x', ProtocolLimits.MaxTextCodePoints + 1))).ErrorCode);
        Assert.True((await SendAsync(anna, channel, "after")).IsAccepted);
        await ShowsAsync(ben, channel, longest, "after");
    }

    [Fact]
    public async Task Send_SameRequestIdAgain_IsOneMessageOrAConflict()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(cluster.Regions.Second);
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        // Two devices that know nothing of each other's sends: the server has to notice.
        await using var tablet = await LiveAsync(cluster.NewClient(await cluster.LogInAsync(anna.Session.Handle)));
        await using var laptop = await LiveAsync(cluster.NewClient(await cluster.LogInAsync(anna.Session.Handle)));
        var first = await anna.Send(channel, "once", requestId: "kept-by-the-app").Outcome.WaitAsync(TimeSpan.FromSeconds(60));
        var again = await tablet.Send(channel, "once", requestId: "kept-by-the-app").Outcome.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(first.IsAccepted, first.ErrorCode);
        Assert.Equal(first.MessageId, again.MessageId);
        var other = await laptop.Send(channel, "something else", requestId: "kept-by-the-app").Outcome.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(ErrorCodes.Conflict, other.ErrorCode);
        await ShowsAsync(ben, channel, "once");
    }

    private static Task<Client.Messaging.SendOutcome> SendAsync(ChatClient client, string channel, string text, string? replyTo = null) =>
        client.SendAsync(channel, text, replyTo, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));
}
