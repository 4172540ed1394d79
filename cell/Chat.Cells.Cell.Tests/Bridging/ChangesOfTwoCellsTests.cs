using System.Text.Json.Nodes;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Connections;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Cell.Tests.Unread;

namespace Chat.Cells.Cell.Tests.Bridging;

/// <summary>Two whole cells with a bridge each way: every device of every member ends with what both histories show.</summary>
public sealed class ChangesOfTwoCellsTests
{
    [Fact]
    public async Task EditAndDelete_AcrossCells_ReachEveryDeviceOnce_AlsoOneThatWasAway()
    {
        await using var cells = await BridgedCells.StartAsync();
        var (here, there) = (cells[BridgedCells.Here], cells[BridgedCells.There]);
        var bob = await here.SignUpAsync("bob");
        var carol = await here.SignUpAsync("carol");
        var anna = await there.SignUpAsync("anna");
        var away = await there.LogInAsync("anna");
        var channel = await here.CreateGroupAsync(carol, "Both", bob, anna);
        await using var owner = await here.ConnectAsync(carol, "0.0.-1");
        await using var near = await here.ConnectAsync(bob, "0.0.-1");
        await using var far = await there.ConnectAsync(anna, "0.0.-1");
        foreach (var socket in new[] { owner, near, far })
        {
            if (!(await socket.ReceiveAsync("sync_batch")).ToJsonString().Contains(channel, StringComparison.Ordinal)) await socket.ReceiveAsync("channel_changed");
        }

        var theirs = await SendAsync(far, channel, "from there");
        var ours = await SendAsync(near, channel, "from here");
        await NewAsync(near, theirs);
        await NewAsync(far, ours);

        // The far user's second device stays away, and the bridge stands still meanwhile: the deletion from here waits.
        await cells.HoldBackAsync(BridgedCells.There);
        var longText = new string('x', InboxRecord.MaxInlineContent + 100);
        var edit = await ChangeAsync(far, "edit_message", new { channelId = channel, messageId = theirs, content = "edited there" }, "e1");
        var longEdit = await ChangeAsync(near, "edit_message", new { channelId = channel, messageId = ours, content = longText }, "e1");
        await ChangedAsync(near, edit);
        var deletion = await ChangeAsync(owner, "delete_message", new { channelId = channel, messageId = theirs }, "d1");
        var late = await ChangeAsync(far, "edit_message", new { channelId = channel, messageId = theirs, content = "edited later, there" }, "e2");
        Assert.True(string.CompareOrdinal(late, deletion) > 0);
        Assert.Equal(edit, await ChangeAsync(far, "edit_message", new { channelId = channel, messageId = theirs, content = "edited there" }, "e1"));
        await cells.StartBridgeAsync(BridgedCells.Here, BridgedCells.There);

        string[] all = [edit, longEdit, deletion, late];
        foreach (var socket in new[] { owner, near, far })
        {
            foreach (var change in all.Where(c => socket != near || c != edit)) await ChangedAsync(socket, change);
            await socket.SettleAsync();
            Assert.Empty(socket.Kept("message_changed"));
        }
        await using (var second = await there.ConnectAsync(away, "0.0.-1"))
        {
            var events = (await second.PayloadAsync("sync_batch"))["events"]!.AsArray().Where(e => (string)e!["type"]! == "message_changed").Select(e => (string)e!["payload"]!["eventId"]!).ToList();
            Assert.Equal(all.Order(StringComparer.Ordinal), events.Order(StringComparer.Ordinal));
        }
        Assert.Equal("deleted", await RefusedAsync(far, "edit_message", new { channelId = channel, messageId = theirs, content = "too late" }, "e3"));

        var histories = new List<string>();
        foreach (var (cell, user) in new[] { (here, bob), (here, carol), (there, anna) })
        {
            using var response = await cell.GetAsync($"/v1/channels/{channel}/messages", user.Token);
            var messages = (await TestCell.ReadAsync(response, 200))["messages"]!.AsArray();
            var byId = messages.ToDictionary(m => (string)m!["messageId"]!, m => m!.AsObject());
            Assert.Equal((true, deletion, false), ((bool)byId[theirs]["deleted"]!, (string)byId[theirs]["eventId"]!, byId[theirs].ContainsKey("content")));
            Assert.Equal((longText, longEdit), ((string)byId[ours]["content"]!, (string)byId[ours]["eventId"]!));
            histories.Add(string.Join('\n', messages.Select(m => $"{m!["messageId"]} {m["content"]} {m["eventId"]} {m["edited"]} {m["deleted"]}")));
        }
        Assert.Single(histories.Distinct());
    }

    private static async Task<string> SendAsync(TestSocket socket, string channel, string content) => (string)(await socket.AckedAsync(channel, content, "m1"))["messageId"]!;

    private static async Task<string> ChangeAsync(TestSocket socket, string type, object payload, string requestId)
    {
        await socket.SendAsync(type, payload, requestId);
        return (string)(await socket.PayloadAsync("message_ack", requestId))["eventId"]!;
    }

    private static async Task<string> RefusedAsync(TestSocket socket, string type, object payload, string requestId)
    {
        await socket.SendAsync(type, payload, requestId);
        return (string)(await socket.PayloadAsync("error", requestId))["code"]!;
    }

    private static Task<JsonObject> NewAsync(TestSocket socket, string messageId) =>
        socket.ReceiveAsync(frame => (string)frame["type"]! == "new_message" && (string)frame["payload"]!["messageId"]! == messageId, "message " + messageId);

    /// <summary>The first of them is taken; one that came twice would be left over.</summary>
    private static Task<JsonObject> ChangedAsync(TestSocket socket, string eventId) =>
        socket.ReceiveAsync(frame => (string)frame["type"]! == "message_changed" && (string)frame["payload"]!["eventId"]! == eventId, "change " + eventId);
}
