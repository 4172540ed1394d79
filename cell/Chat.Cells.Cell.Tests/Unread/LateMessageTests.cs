using System.Text.Json.Nodes;
using Chat.Cells.Cell.Tests.Connections;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Unread;

/// <summary>A message that a bridge holds up while its reader reads on: it sorts below the read pointer, and nobody has seen it.</summary>
public sealed class LateMessageTests
{
    [Fact]
    public async Task Late_BelowTheReadPointer_CountsOnEveryDeviceUntilItIsRead_AlsoAfterTheStateIsLost()
    {
        await using var cells = await BridgedCells.StartAsync();
        await RunAsync(cells, () => cells.RestartAsync(BridgedCells.Here)); // which loses the embedded state
    }

    /// <summary>Two devices of one reader, a sender in each cell, and the bridge into the reader's cell held back.</summary>
    /// <param name="loseState">Loses the state of the reader's cell; all sockets there are closed meanwhile.</param>
    internal static async Task RunAsync(BridgedCells cells, Func<Task> loseState)
    {
        var bob = await cells[BridgedCells.Here].SignUpAsync("bob");
        var carol = await cells[BridgedCells.Here].SignUpAsync("carol");
        var anna = await cells[BridgedCells.There].SignUpAsync("anna");
        var bobAgain = await cells[BridgedCells.Here].LogInAsync("bob");
        var channel = await cells[BridgedCells.Here].CreateGroupAsync(carol, "Both", bob, anna);
        await using var far = await OpenWithChannelAsync(cells[BridgedCells.There], anna, channel);
        string read, readAt, late, lateAt;
        await using (var near = await cells[BridgedCells.Here].ConnectAsync(carol))
        await using (var phone = await cells[BridgedCells.Here].ConnectAsync(bob))
        await using (var desktop = await cells[BridgedCells.Here].ConnectAsync(bobAgain))
        {
            TestSocket[] devices = [phone, desktop];
            await cells.HoldBackAsync(BridgedCells.Here);
            late = (await UnreadTests.SendAsync(far, channel, 1, "late"))[0];
            read = (await UnreadTests.SendAsync(near, channel, 1, "read"))[0];
            Assert.True(string.CompareOrdinal(late, read) < 0);
            foreach (var device in devices) await UnreadTests.UntilCountAsync(device, channel, 1);
            readAt = (string)(await phone.PayloadAsync("new_message"))["cursor"]!;
            await ReadAsync(phone, channel, read, readAt);
            foreach (var device in devices) await UnreadTests.UntilCountAsync(device, channel, 0);

            await cells.StartBridgeAsync(BridgedCells.There, BridgedCells.Here);
            foreach (var device in devices) Assert.Equal(read, (string?)(await UnreadTests.UntilCountAsync(device, channel, 1))["lastReadMessageId"]);
            await desktop.PayloadAsync("new_message"); // the first
            var message = await desktop.PayloadAsync("new_message");
            Assert.Equal(late, (string)message["messageId"]!);
            lateAt = (string)message["cursor"]!;

            // The read from before comes again: it was of what had arrived then.
            await ReadAsync(desktop, channel, read, readAt);
            await desktop.SettleAsync();
            UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(cells[BridgedCells.Here], bob), (channel, 1));
        }

        await loseState();
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(cells[BridgedCells.Here], bob), (channel, 1));
        await using (var phone = await cells[BridgedCells.Here].ConnectAsync(bob, readAt))
        await using (var desktop = await cells[BridgedCells.Here].ConnectAsync(bobAgain, lateAt))
        {
            foreach (var device in new[] { phone, desktop }) UnreadTests.AssertCounts(await device.PayloadAsync("unread"), (channel, 1));
            await ReadAsync(desktop, channel, read, lateAt);
            foreach (var device in new[] { phone, desktop }) await UnreadTests.UntilCountAsync(device, channel, 0);
            var told = await phone.PayloadAsync("read");
            Assert.Equal((read, lateAt), ((string)told["readUpTo"]!, (string)told["readCursor"]!));
            UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(cells[BridgedCells.Here], bob));
        }

        await loseState();
        UnreadTests.AssertCounts(await UnreadTests.FirstAsync(cells[BridgedCells.Here], bob));

        // Its author is told how far bob is, by message id; how far he is in his inbox is nobody else's business.
        JsonObject receipt;
        do receipt = await far.PayloadAsync("receipt");
        while ((string)receipt["userId"]! != bob.UserId || (string?)receipt["readUpTo"] != read);
        Assert.DoesNotContain(receipt, member => member.Key.Contains("ursor", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ReadReceipt_CursorThatIsNone_OrBeyondWhatTheSocketWasSent_IsRefusedAndChangesNothing()
    {
        await using var cell = await TestCell.StartAsync();
        var (anna, bob, channel) = await UnreadTests.PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var phone = await cell.ConnectAsync(bob);
        await phone.PayloadAsync("unread"); // bob's sets are kept from here on
        var id = (await UnreadTests.SendAsync(sender, channel, 1))[0];
        await UnreadTests.UntilCountAsync(phone, channel, 1);
        var cursor = (string)(await phone.PayloadAsync("new_message"))["cursor"]!;
        var parts = cursor.Split('.').Select(long.Parse).ToArray();

        object[] wrong = ["", "nonsense", "1.2", "-1.0.0", cursor + "0", $"{parts[0]}.{parts[1]}.{parts[2] + 1}", $"{parts[0]}.{parts[1] + 1}.0", $"{parts[0] + 1}.0.0", 7, new { }, true];
        for (var i = 0; i < wrong.Length; i++)
        {
            await phone.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = id, cursor = wrong[i] }, "wrong-" + i);
            var error = await phone.PayloadAsync("error", "wrong-" + i);
            Assert.Equal(ErrorCodes.BadRequest, (string)error["code"]!);
            Assert.StartsWith("cursor ", (string)error["message"]!, StringComparison.Ordinal);
        }
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(cell, bob), (channel, 1));

        await ReadAsync(phone, channel, id, "0.0.-1"); // of before the message: it doesn't cover it
        await phone.PayloadAsync("read");
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(cell, bob), (channel, 1));
        await ReadAsync(phone, channel, id, cursor);
        await UnreadTests.UntilCountAsync(phone, channel, 0);
    }

    [Fact]
    public async Task ReadReceipt_WithoutACursor_CoversWhatTheSocketWasSent()
    {
        await using var cell = await TestCell.StartAsync();
        var (anna, bob, channel) = await UnreadTests.PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var phone = await cell.ConnectAsync(bob);
        var id = (await UnreadTests.SendAsync(sender, channel, 1))[0];
        var cursor = (string)(await phone.PayloadAsync("new_message"))["cursor"]!;
        await phone.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = id });

        Assert.Equal(cursor, (string?)(await phone.PayloadAsync("read"))["readCursor"]);
        await phone.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = (await UnreadTests.SendAsync(sender, channel, 1, "again"))[0], cursor = (string?)null });
        UnreadTests.AssertCounts(await UntilReadAsync(cell, bob));
    }

    private static Task ReadAsync(TestSocket device, string channelId, string lastReadMessageId, string cursor) =>
        device.SendAsync("read_receipt", new { channelId, lastReadMessageId, cursor });

    private static async Task<JsonObject> UntilReadAsync(TestCell cell, TestUser user)
    {
        for (var i = 0; ; i++)
        {
            var counts = await UnreadTests.UnreadAsync(cell, user);
            if ((int)counts["total"]! == 0 || i == 300) return counts;
            await Task.Delay(100);
        }
    }

    /// <summary>A socket in the other cell, once that knows of the channel.</summary>
    private static async Task<TestSocket> OpenWithChannelAsync(TestCell cell, TestUser user, string channel)
    {
        for (var i = 0; ; i++)
        {
            using var response = await cell.GetAsync("/v1/channels/" + channel, user.Token);
            if (response.IsSuccessStatusCode) return await cell.ConnectAsync(user);
            Assert.True(i < 300, "The channel comes over the bridge.");
            await Task.Delay(100);
        }
    }
}
