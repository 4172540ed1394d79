using System.Net;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Cell.Tests.Connections;

public sealed class MessagingTests : IAsyncLifetime
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
    public async Task Message_ToSeveralDevices_ReachesEachOnceAndNamesTheRequestToTheSenderOnly()
    {
        var annasPhone = await cell.LogInAsync("anna");
        await using var sender = await cell.ConnectAsync(anna);
        await using var phone = await cell.ConnectAsync(annasPhone);
        await using var receiver = await cell.ConnectAsync(bob);
        await sender.MessageAsync(channel, "hello \"Bob\"\n\u0001", "r1");
        var ack = await sender.PayloadAsync("message_ack", "r1");
        Assert.Equal((channel, "accepted"), ((string)ack["channelId"]!, (string)ack["status"]!));
        foreach (var socket in new[] { sender, phone, receiver })
        {
            var message = await socket.PayloadAsync("new_message");
            Assert.Equal((string)ack["messageId"]!, (string)message["messageId"]!);
            Assert.Equal("hello \"Bob\"\n\u0001", (string)message["content"]!);
            Assert.Equal(anna.UserId, (string)message["sender"]!);
            Assert.Equal(socket == receiver ? null : "r1", (string?)message["requestId"]);
            await socket.SettleAsync();
            Assert.Empty(socket.Kept("new_message"));
        }
    }

    [Fact]
    public async Task RequestId_SentAgain_GetsTheFirstAckAndNoSecondMessage()
    {
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await sender.MessageAsync(channel, "once", "r1");
        var first = await sender.PayloadAsync("message_ack", "r1");
        await sender.MessageAsync(channel, "once", "r1");
        Assert.Equal((string)first["messageId"]!, (string)(await sender.PayloadAsync("message_ack", "r1"))["messageId"]!);
        await sender.MessageAsync(channel, "twice", "r2");
        Assert.Equal("once", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
        Assert.Equal("twice", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    [Fact]
    public async Task RequestId_ReusedWithOtherContent_GetsConflict()
    {
        await using var sender = await cell.ConnectAsync(anna);
        await sender.MessageAsync(channel, "one", "r1");
        await sender.ReceiveAsync("message_ack", "r1");
        await sender.MessageAsync(channel, "other", "r1");
        Assert.Equal(ErrorCodes.Conflict, (string)(await sender.PayloadAsync("error", "r1"))["code"]!);
    }

    [Fact]
    public async Task After_FromTheFarFuture_IsIgnored()
    {
        await using var sender = await cell.ConnectAsync(anna);
        var future = Ulid.NewUlid(DateTimeOffset.UtcNow.AddYears(50));
        await sender.MessageAsync(channel, "hello", "r1", after: future.ToString());
        var id = Ulid.Parse((string)(await sender.PayloadAsync("message_ack", "r1"))["messageId"]!);
        Assert.True(id.Time < DateTimeOffset.UtcNow.AddMinutes(1));
    }

    [Fact]
    public async Task After_AnIdThatExists_TheMessageSortsBehindIt()
    {
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await sender.MessageAsync(channel, "question", "r1");
        var question = await receiver.PayloadAsync("new_message");
        await receiver.MessageAsync(channel, "answer", "r1", after: (string)question["messageId"]!);
        var answer = await receiver.PayloadAsync("message_ack", "r1");
        Assert.True(Ulid.Parse((string)answer["messageId"]!) > Ulid.Parse((string)question["messageId"]!));
    }

    [Fact]
    public async Task Channel_OfOthers_AnswersAsOneThatIsNotThere()
    {
        var carol = await cell.SignUpAsync("carol");
        var missing = Chat.Cells.Cell.Channels.ChannelId.ForDirect(carol.UserId, "eu-west-1." + Ulid.NewUlid());
        await using var socket = await cell.ConnectAsync(carol);
        var answers = new List<string>();
        foreach (var (id, request) in new[] { (channel, "r1"), (missing, "r2") })
        {
            await socket.MessageAsync(id, "let me in", request);
            var error = await socket.PayloadAsync("error", request);
            await socket.SendAsync("read_receipt", new { channelId = id, lastReadMessageId = Ulid.NewUlid().ToString() }, request);
            var receipt = await socket.PayloadAsync("error", request);
            answers.Add(error.ToJsonString() + receipt.ToJsonString());
        }
        Assert.Equal(answers[0], answers[1]);
        Assert.Contains(ErrorCodes.NotMember, answers[0], StringComparison.Ordinal);

        foreach (var path in new[] { "", "/messages", "/receipts" })
        {
            using var there = await cell.GetAsync($"/v1/channels/{channel}{path}", carol.Token);
            using var notThere = await cell.GetAsync($"/v1/channels/{missing}{path}", carol.Token);
            Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Forbidden), (there.StatusCode, notThere.StatusCode));
            Assert.Equal(await there.Content.ReadAsStringAsync(), await notThere.Content.ReadAsStringAsync());
        }
    }

    [Fact]
    public async Task Sync_FromACursor_BringsExactlyWhatWasMissedThenLive()
    {
        await using var sender = await cell.ConnectAsync(anna);
        string cursor;
        await using (var before = await cell.ConnectAsync(bob))
        {
            await sender.MessageAsync(channel, "seen", "s0");
            cursor = (string)(await before.PayloadAsync("new_message"))["cursor"]!;
        }
        var big = new string('b', 10_000); // more than an inbox record copies
        for (var i = 1; i <= 250; i++)
        {
            await sender.MessageAsync(channel, i == 7 ? big : "missed " + i, "s" + i);
            await sender.ReceiveAsync("message_ack", "s" + i);
        }
        await using var after = await cell.ConnectAsync(bob, cursor);
        await sender.MessageAsync(channel, "live", "live");
        var contents = new List<string>();
        for (var more = true; more;)
        {
            var batch = await after.PayloadAsync("sync_batch");
            contents.AddRange(batch["events"]!.AsArray().Select(e => (string)e!["payload"]!["content"]!));
            Assert.True(batch["events"]!.AsArray().Count <= 100);
            more = (bool)batch["more"]!;
        }
        // An ack says that a message is judged; the last ones may reach the inbox after the sync.
        while (contents.Count < 251) contents.Add((string)(await after.PayloadAsync("new_message"))["content"]!);
        Assert.Equal([.. Enumerable.Range(1, 250).Select(i => i == 7 ? big : "missed " + i), "live"], contents);
        await after.SettleAsync();
        Assert.Empty(after.Kept("new_message"));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("7.1.1")]
    [InlineData("1.2.3")]
    [InlineData("1.999999.3")]
    public async Task Sync_FromACursorThatCantBeContinued_GetsSyncReset(string cursor)
    {
        await using var socket = await cell.OpenAsync(bob);
        await socket.SendAsync("sync", new { cursor });
        var reset = (string)(await socket.PayloadAsync("sync_reset"))["cursor"]!;
        Assert.True(InboxCursor.TryParse(reset, out _));
        await using var sender = await cell.ConnectAsync(anna);
        await sender.MessageAsync(channel, "live", "r1");
        await socket.ReceiveAsync("new_message");
    }

    [Fact]
    public async Task Sync_FromACursorOfAnInboxTopicThatWasMadeAgain_Continues()
    {
        var carol = await cell.SignUpAsync("carol");
        var at = new InboxCursor(2, InboxCursor.BucketOf(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()), 0);
        var row = new InboxRow(carol.UserId, at, new byte[] { 0 });
        await cell.Services.GetRequiredService<IMessageStore>().WriteDeliveredAsync(new DeliveredBatch(0, [row], []), default);
        await using var socket = await cell.OpenAsync(carol);

        await socket.SendAsync("sync", new { cursor = at.ToString() });

        var first = (await socket.NextAsync())!;
        Assert.Equal("sync_batch", (string)first["type"]!);
        Assert.Equal(at.ToString(), (string)first["payload"]!["cursor"]!);
    }

    [Fact]
    public async Task Sync_OfANewUserWithTheFirstResetsCursor_Continues()
    {
        var carol = await cell.SignUpAsync("carol");
        string cursor;
        await using (var first = await cell.OpenAsync(carol))
        {
            await first.SendAsync("sync", new { });
            cursor = (string)(await first.PayloadAsync("sync_reset"))["cursor"]!;
        }
        var withCarol = await cell.CreateDirectAsync(anna, carol);
        await using var sender = await cell.ConnectAsync(anna);
        await sender.MessageAsync(withCarol, "hi", "r1");
        await sender.ReceiveAsync("message_ack");
        await using var second = await cell.ConnectAsync(carol, cursor);
        var types = new List<string>();
        while (types.Count < 2)
        {
            var frame = (await second.NextAsync())!;
            if ((string)frame["type"]! == "sync_batch") types.AddRange(frame["payload"]!["events"]!.AsArray().Select(e => (string)e!["type"]!));
            else if ((string)frame["type"]! != "unread") types.Add((string)frame["type"]!); // counts come when they are due, also before a message that is being delivered
        }
        Assert.Equal(["channel_changed", "new_message"], types);
    }

    [Fact]
    public async Task Receipts_DeliveredAndRead_ReachTheSenderAndTheOwnOtherDevice()
    {
        var bobsPhone = await cell.LogInAsync("bob");
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await using var phone = await cell.ConnectAsync(bobsPhone);
        await sender.MessageAsync(channel, "hello", "r1");
        var message = await receiver.PayloadAsync("new_message");
        var id = (string)message["messageId"]!;

        await receiver.SendAsync("delivered", new { cursor = (string)message["cursor"]! });
        var delivered = await sender.PayloadAsync("receipt");
        Assert.Equal((channel, bob.UserId, id, null), ((string)delivered["channelId"]!, (string)delivered["userId"]!, (string?)delivered["deliveredUpTo"], (string?)delivered["readUpTo"]));

        await receiver.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = id });
        Assert.Equal(id, (string?)(await sender.PayloadAsync("receipt"))["readUpTo"]);
        Assert.Equal(id, (string?)(await phone.PayloadAsync("read"))["readUpTo"]);

        using var response = await cell.GetAsync($"/v1/channels/{channel}/receipts", anna.Token);
        var receipts = (await TestCell.ReadAsync(response, 200))["receipts"]!.AsArray();
        Assert.Contains(receipts, r => (string)r!["userId"]! == bob.UserId && (string?)r["readUpTo"] == id && (string?)r["deliveredUpTo"] == id);
    }

    [Fact]
    public async Task Delivered_AckedTwice_AppendsOneReceipt()
    {
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await sender.MessageAsync(channel, "one", "r1");
        var cursor = (string)(await receiver.PayloadAsync("new_message"))["cursor"]!;
        await receiver.SendAsync("delivered", new { cursor });
        await sender.ReceiveAsync("receipt");
        await receiver.SendAsync("delivered", new { cursor });
        await sender.MessageAsync(channel, "two", "r2");
        await receiver.SendAsync("delivered", new { cursor = (string)(await receiver.PayloadAsync("new_message"))["cursor"]! });
        var second = (string)(await sender.PayloadAsync("message_ack", "r2"))["messageId"]!;
        Assert.Equal(second, (string)(await sender.PayloadAsync("receipt"))["deliveredUpTo"]!);
    }

    [Fact]
    public async Task History_PageByPage_IsNewestFirstAndComplete()
    {
        await using var sender = await cell.ConnectAsync(anna);
        for (var i = 0; i < 25; i++)
        {
            await sender.MessageAsync(channel, "m" + i, "r" + i);
            await sender.ReceiveAsync("message_ack", "r" + i);
        }
        var all = new List<string>();
        string? next = null;
        do
        {
            using var response = await cell.GetAsync($"/v1/channels/{channel}/messages?limit=10" + (next is null ? "" : "&before=" + next), bob.Token);
            var page = await TestCell.ReadAsync(response, 200);
            all.AddRange(page["messages"]!.AsArray().Select(m => (string)m!["content"]!));
            next = (string?)page["next"];
        }
        while (next is not null);
        Assert.Equal(Enumerable.Range(0, 25).Reverse().Select(i => "m" + i), all);
    }
}
