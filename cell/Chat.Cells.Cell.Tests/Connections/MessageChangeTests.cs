using System.Text.Json.Nodes;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Connections;

/// <summary>Edits and deletions as clients see them: frames, sync and history of a whole cell.</summary>
public sealed class MessageChangeTests : IAsyncLifetime
{
    private TestCell cell = null!;
    private TestUser anna = null!;
    private TestUser bob = null!;
    private string channel = null!;

    public async Task InitializeAsync()
    {
        cell = await TestCell.StartAsync();
        anna = await cell.SignUpAsync("anna");
        bob = await cell.SignUpAsync("bob");
        channel = await cell.CreateDirectAsync(anna, bob);
    }

    public async Task DisposeAsync() => await cell.DisposeAsync();

    [Fact]
    public async Task EditAndDelete_ReachEveryDeviceLiveWithTheRequestOnlyOnOnesOwn()
    {
        var phone = await cell.LogInAsync("anna");
        await using var sender = await cell.ConnectAsync(anna);
        await using var second = await cell.ConnectAsync(phone);
        await using var receiver = await cell.ConnectAsync(bob);
        var messageId = await SendAsync(sender, "first", "m1");

        var edit = await EditAsync(sender, messageId, "better", "e1");
        var deletion = await DeleteAsync(sender, messageId, "d1");

        Assert.Equal((messageId, channel, "accepted"), ((string)edit["messageId"]!, (string)edit["channelId"]!, (string)edit["status"]!));
        foreach (var (socket, own) in new[] { (sender, true), (second, true), (receiver, false) })
        {
            var changed = await socket.PayloadAsync("message_changed");
            Assert.Equal(
                (channel, messageId, (string)edit["eventId"]!, anna.UserId, anna.UserId, "text", "better"),
                ((string)changed["channelId"]!, (string)changed["messageId"]!, (string)changed["eventId"]!, (string)changed["sender"]!, (string)changed["by"]!, (string)changed["contentType"]!, (string)changed["content"]!));
            Assert.Equal(own ? "e1" : null, (string?)changed["requestId"]);
            Assert.NotNull(changed["cursor"]);
            var deleted = await socket.PayloadAsync("message_changed");
            Assert.Equal((true, (string)deletion["eventId"]!, null), ((bool)deleted["deleted"]!, (string)deleted["eventId"]!, (string?)deleted["content"]));
            Assert.Null(deleted["contentType"]);
            await socket.SettleAsync();
            Assert.Empty(socket.Kept("message_changed"));
        }
    }

    [Fact]
    public async Task Changes_WhileOffline_ComeBySyncInOrderOnceAndCountNotAsUnread()
    {
        await using var sender = await cell.ConnectAsync(anna);
        await using var witness = await cell.ConnectAsync(bob); // an ack may come before the inbox has the event
        var messageId = await SendAsync(sender, "first", "m1");
        await witness.ReceiveAsync("new_message");
        await witness.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = messageId });
        var cursor = (string)(await witness.PayloadAsync("read"))["cursor"]!;
        var edit = await EditAsync(sender, messageId, "better", "e1");
        var other = await SendAsync(sender, "other", "m2");
        await DeleteAsync(sender, other, "d1");
        for (var i = 0; i < 2; i++) await witness.ReceiveAsync("message_changed");

        await using var after = await cell.ConnectAsync(bob, cursor);
        var batch = await after.PayloadAsync("sync_batch");
        var events = batch["events"]!.AsArray().Select(e => e!.AsObject()).Where(e => (string)e["type"]! is "new_message" or "message_changed").ToList();
        Assert.Equal(["message_changed", "new_message", "message_changed"], events.Select(e => (string)e["type"]!));
        Assert.Equal(((string)edit["eventId"]!, "better"), ((string)events[0]["payload"]!["eventId"]!, (string)events[0]["payload"]!["content"]!));
        Assert.Equal("other", (string)events[1]["payload"]!["content"]!);
        Assert.True((bool)events[2]["payload"]!["deleted"]!);

        var unread = await TestCell.ReadAsync(await cell.GetAsync("/v1/unread", bob.Token), 200);
        Assert.Equal(1, (int)unread["total"]!);
        Assert.Equal(other, (string)(await HistoryAsync(bob))[0]["messageId"]!);
    }

    [Fact]
    public async Task History_OfChangedMessages_ShowsThemAsTheyAreNow()
    {
        await using var sender = await cell.ConnectAsync(anna);
        var ids = new List<string>();
        for (var i = 0; i < 4; i++) ids.Add(await SendAsync(sender, "text " + i, "m" + i));
        await EditAsync(sender, ids[0], "once", "e1");
        var edit = await EditAsync(sender, ids[0], "twice", "e2");
        var deletion = await DeleteAsync(sender, ids[2], "d1");

        var history = await HistoryAsync(bob);

        Assert.Equal(ids.AsEnumerable().Reverse(), history.Select(m => (string)m["messageId"]!));
        Assert.Equal(("twice", "text", true, (string)edit["eventId"]!), ((string)history[3]["content"]!, (string)history[3]["contentType"]!, (bool)history[3]["edited"]!, (string)history[3]["eventId"]!));
        Assert.Equal((true, (string)deletion["eventId"]!), ((bool)history[1]["deleted"]!, (string)history[1]["eventId"]!));
        Assert.All(["content", "contentType", "edited"], name => Assert.False(history[1].ContainsKey(name)));
        Assert.All(["eventId", "edited", "deleted"], name => Assert.False(history[0].ContainsKey(name)));
    }

    [Fact]
    public async Task Request_SentAgain_GetsTheSameAnswerAndChangesNothing()
    {
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        var messageId = await SendAsync(sender, "first", "m1");
        var first = await EditAsync(sender, messageId, "better", "e1");
        Assert.Equal(first.ToJsonString(), (await EditAsync(sender, messageId, "better", "e1")).ToJsonString());
        var deletion = await DeleteAsync(sender, messageId, "d1");
        Assert.Equal(first.ToJsonString(), (await EditAsync(sender, messageId, "better", "e1")).ToJsonString());
        Assert.Equal((string)deletion["eventId"]!, (string)(await DeleteAsync(sender, messageId, "d2"))["eventId"]!);
        await SendAsync(sender, "last", "m2");

        Assert.Equal("last", (string)(await receiver.ReceiveAsync(f => (string)f["type"]! == "new_message" && (string)f["payload"]!["content"]! == "last", "the last"))["payload"]!["content"]!);
        Assert.Equal(2, receiver.Kept("message_changed").Count);
        Assert.True((bool)(await HistoryAsync(bob))[1]["deleted"]!);
    }

    [Fact]
    public async Task Change_OfWhatIsNotOnesOwnOrNotThere_IsRefusedAlsoWhenSentAgain()
    {
        await using var sender = await cell.ConnectAsync(anna);
        await using var other = await cell.ConnectAsync(bob);
        var carol = await cell.SignUpAsync("carol");
        await using var stranger = await cell.ConnectAsync(carol);
        var messageId = await SendAsync(sender, "first", "m1");
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(ErrorCodes.Forbidden, await RefusedAsync(other, "edit_message", messageId, "e1"));
            Assert.Equal(ErrorCodes.Forbidden, await RefusedAsync(other, "delete_message", messageId, "d1"));
            Assert.Equal(ErrorCodes.UnknownMessage, await RefusedAsync(sender, "edit_message", Ulid.MinValue.ToString(), "e1"));
            Assert.Equal(ErrorCodes.UnknownMessage, await RefusedAsync(sender, "delete_message", Ulid.MaxValue.ToString(), "d1"));
            Assert.Equal(ErrorCodes.NotMember, await RefusedAsync(stranger, "edit_message", messageId, "e1"));
        }
        await DeleteAsync(sender, messageId, "d2");
        Assert.Equal(ErrorCodes.Deleted, await RefusedAsync(sender, "edit_message", messageId, "e2"));
        Assert.Equal(ErrorCodes.Conflict, await RefusedAsync(sender, "edit_message", messageId, "m1"));
    }

    [Fact]
    public async Task Edit_OfALongText_ComesWholeLiveAndBySync_AndOneThatWasChangedAgainIsPassedOver()
    {
        var (long1, long2) = (new string('a', InboxRecord.MaxInlineContent * 3), new string('b', InboxRecord.MaxInlineContent * 5));
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        var messageId = await SendAsync(sender, "first", "m1");
        var cursor = (string)(await receiver.PayloadAsync("new_message"))["cursor"]!;
        await EditAsync(sender, messageId, long1, "e1");
        Assert.Equal(long1, (string)(await receiver.PayloadAsync("message_changed"))["content"]!);
        var edit = await EditAsync(sender, messageId, long2, "e2");
        Assert.Equal(long2, (string)(await receiver.PayloadAsync("message_changed"))["content"]!);

        await using (var late = await cell.ConnectAsync(bob, cursor))
        {
            var events = (await late.PayloadAsync("sync_batch"))["events"]!.AsArray();
            var only = Assert.Single(events, e => (string)e!["type"]! == "message_changed")!["payload"]!;
            Assert.Equal((long2, (string)edit["eventId"]!, anna.UserId), ((string)only["content"]!, (string)only["eventId"]!, (string)only["sender"]!));
        }
        await DeleteAsync(sender, messageId, "d1");
        await receiver.PayloadAsync("message_changed");
        await using var later = await cell.ConnectAsync(bob, cursor);
        var deleted = Assert.Single((await later.PayloadAsync("sync_batch"))["events"]!.AsArray(), e => (string)e!["type"]! == "message_changed")!["payload"]!;
        Assert.True((bool)deleted["deleted"]!);
        Assert.DoesNotContain(long2, (await HistoryAsync(bob))[0].ToJsonString(), StringComparison.Ordinal);
    }

    private async Task<string> SendAsync(TestSocket socket, string content, string requestId)
    {
        await socket.MessageAsync(channel, content, requestId);
        return (string)(await socket.PayloadAsync("message_ack", requestId))["messageId"]!;
    }

    private async Task<JsonObject> EditAsync(TestSocket socket, string messageId, string content, string requestId)
    {
        await socket.SendAsync("edit_message", new { channelId = channel, messageId, content, contentType = "text" }, requestId);
        return await socket.PayloadAsync("message_ack", requestId);
    }

    private async Task<JsonObject> DeleteAsync(TestSocket socket, string messageId, string requestId)
    {
        await socket.SendAsync("delete_message", new { channelId = channel, messageId }, requestId);
        return await socket.PayloadAsync("message_ack", requestId);
    }

    private async Task<string> RefusedAsync(TestSocket socket, string type, string messageId, string requestId)
    {
        await socket.SendAsync(type, new { channelId = channel, messageId, content = "x" }, requestId);
        return (string)(await socket.PayloadAsync("error", requestId))["code"]!;
    }

    private async Task<List<JsonObject>> HistoryAsync(TestUser user)
    {
        using var response = await cell.GetAsync($"/v1/channels/{channel}/messages", user.Token);
        return [.. (await TestCell.ReadAsync(response, 200))["messages"]!.AsArray().Select(m => m!.AsObject())];
    }
}
