using Chat.Cells.Client;
using Chat.Cells.Client.Sync;
using Chat.Cells.Client.Timelines;
using Chat.Cells.E2E.Tests.Clusters;
using Chat.Cells.Protocol;
using static Chat.Cells.E2E.Tests.Clusters.ClusterFixture;

namespace Chat.Cells.E2E.Tests;

[Collection(ClusterCollection.Name)]
public sealed class ChangeTests(ClusterFixture cluster)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task EditAndDelete_Direct_BothShowTheSameAndHistoryToo(bool acrossCells)
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(acrossCells ? cluster.Regions.Second : cluster.Regions.First);
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        var first = await SaysAsync(anna, channel, "first");
        var second = await SaysAsync(anna, channel, "second");
        await ShowsAsync(ben, channel, "first", "second");
        foreach (var content in (string[])["one", "two", "three"]) Assert.Null((await AnsweredAsync(anna.EditAsync(channel, first, content, default))).ErrorCode);
        Assert.Null((await AnsweredAsync(anna.DeleteAsync(channel, second, default))).ErrorCode);
        foreach (var client in (ChatClient[])[anna, ben])
        {
            await Poll.UntilAsync(() => client.Timeline(channel).Snapshot() is [{ Content: "three", IsEdited: true }, { IsDeleted: true, Content: "" }], $"{client.UserId} is shown the changes");
            await Poll.UntilAsync(
                async () => (await client.Api.GetHistoryPageAsync(channel, null, 10, default)).Messages is [{ IsDeleted: true, Content: "" }, { Content: "three", IsEdited: true }],
                "history has the changes");
        }
        Assert.Equal(Seen(anna, channel), Seen(ben, channel));
        await Poll.UntilAsync(() => ben.Unread.Of(channel).Count == 2, "the two messages count as unread, and their changes do not");
    }

    [Fact]
    public async Task EditAndDelete_WhileADeviceIsAway_ComeByItsCursor()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        var session = await cluster.SignUpAsync(cluster.Regions.Second);
        var cursor = new InMemoryCursorStore();
        var channel = (await anna.Api.CreateDirectAsync(session.UserId, default)).ChannelId;
        var edited = await SaysAsync(anna, channel, "to be edited");
        var deleted = await SaysAsync(anna, channel, "to be deleted");
        await using (var before = await LiveAsync(cluster.NewClient(session, o => o with { CursorStore = cursor })))
        {
            await Poll.UntilAsync(() => before.Timeline(channel).Count == 2, "both are shown");
            await Poll.UntilAsync(() => cursor.Current is not null, "the cursor is kept");
        }
        Assert.True((await AnsweredAsync(anna.EditAsync(channel, edited, "edited", default))).IsAccepted);
        Assert.True((await AnsweredAsync(anna.DeleteAsync(channel, deleted, default))).IsAccepted);
        await SaysAsync(anna, channel, "and on");
        await using var after = cluster.NewClient(session, o => o with { CursorStore = cursor });
        // The device kept its messages, as an application does.
        foreach (var message in (ChatMessage[])[New(edited, "to be edited"), New(deleted, "to be deleted")]) after.Timeline(channel).Insert(message);
        await LiveAsync(after);
        await Poll.UntilAsync(() => after.Timeline(channel).Snapshot() is [{ Content: "edited" }, { IsDeleted: true }, { Content: "and on" }], "the changes came");

        ChatMessage New(string id, string content) => new(channel, id, anna.UserId, "text", content, null, 1);
    }

    [Fact]
    public async Task EditAndDelete_Group_OnlyTheSenderEditsAndAdminsDelete()
    {
        await using var owner = await cluster.NewUserAsync(cluster.Regions.First);
        await using var admin = await cluster.NewUserAsync(cluster.Regions.Second);
        await using var member = await cluster.NewUserAsync(cluster.Regions.Second);
        await using var stranger = await cluster.NewUserAsync(cluster.Regions.First);
        ChatClient[] all = [owner, admin, member];
        var group = (await owner.Api.CreateGroupAsync("Team", [admin.UserId, member.UserId], default)).ChannelId;
        await owner.Api.PutMemberAsync(group, admin.UserId, "admin", default);
        await Poll.UntilAsync(() => all.All(c => c.Channels.Any(x => x.ChannelId == group && x.Members.Any(m => m.UserId == admin.UserId && m.Role == "admin"))), "everyone knows the admin");
        var byOwner = await SaysAsync(owner, group, "by the owner");
        var byMember = await SaysAsync(member, group, "by the member");
        await Poll.UntilAsync(() => all.All(c => c.Timeline(group).Count == 2), "everyone is shown both");

        Assert.Equal(ErrorCodes.Forbidden, (await AnsweredAsync(owner.EditAsync(group, byMember, "x", default))).ErrorCode);
        Assert.Equal(ErrorCodes.Forbidden, (await AnsweredAsync(member.DeleteAsync(group, byOwner, default))).ErrorCode);
        Assert.Equal(ErrorCodes.NotMember, (await AnsweredAsync(stranger.DeleteAsync(group, byOwner, default))).ErrorCode);
        Assert.Equal(ErrorCodes.UnknownMessage, (await AnsweredAsync(owner.DeleteAsync(group, Ulid.NewUlid().ToString(), default))).ErrorCode);
        Assert.True((await AnsweredAsync(admin.DeleteAsync(group, byMember, default))).IsAccepted);
        await Poll.UntilAsync(() => all.All(c => c.Timeline(group).Snapshot().Single(m => m.MessageId == byMember).IsDeleted), "everyone sees it deleted");
        Assert.Equal(ErrorCodes.Deleted, (await AnsweredAsync(member.EditAsync(group, byMember, "x", default))).ErrorCode);
        Assert.True((await AnsweredAsync(member.DeleteAsync(group, byMember, default))).IsAccepted);
        foreach (var client in all) Assert.Equal("by the owner", client.Timeline(group).Snapshot().Single(m => m.MessageId == byOwner).Content);
    }

    [Fact]
    public async Task Edit_ConnectionDropsMeanwhile_TakesEffectOnce()
    {
        var quick = (ChatClientOptions o) => o with { ReconnectBase = TimeSpan.FromMilliseconds(20), ReconnectCap = TimeSpan.FromMilliseconds(200) };
        await using var anna = await LiveAsync(cluster.NewClient(await cluster.SignUpAsync(cluster.Regions.First), quick));
        await using var ben = await cluster.NewUserAsync(cluster.Regions.Second);
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        var message = await SaysAsync(anna, channel, "0");
        for (var i = 1; i <= 8; i++)
        {
            var edit = anna.Edit(channel, message, $"{i}");
            anna.DropConnection();
            Assert.True((await AnsweredAsync(edit.Outcome)).IsAccepted);
        }
        await Poll.UntilAsync(() => ben.Timeline(channel).Snapshot() is [{ Content: "8", IsEdited: true }], "ben is shown the last edit");
        Assert.Equal(Seen(anna, channel), Seen(ben, channel));
    }

    private static async Task<string> SaysAsync(ChatClient client, string channel, string content)
    {
        var outcome = await client.SendAsync(channel, content, null, default).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(outcome.IsAccepted, outcome.ErrorCode);
        return outcome.MessageId!;
    }

    private static Task<Client.Messaging.ChangeOutcome> AnsweredAsync(Task<Client.Messaging.ChangeOutcome> change) => change.WaitAsync(TimeSpan.FromSeconds(60));

    private static IEnumerable<(string, string?, string, bool)> Seen(ChatClient client, string channel) =>
        client.Timeline(channel).Snapshot().Select(m => (m.MessageId, m.EventId, m.Content, m.IsDeleted));
}
