using System.Text.Json.Nodes;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Connections;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Unread;

/// <summary>What users are told of unread messages by a whole cell.</summary>
public sealed class UnreadTests
{
    [Fact]
    public async Task Read_OnOneDevice_ResetsTheOtherAndNeverCountsOwnMessages()
    {
        await using var cell = await TestCell.StartAsync();
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var phone = await cell.ConnectAsync(bob);
        await using var desktop = await cell.ConnectAsync(await cell.LogInAsync("bob"));
        foreach (var socket in new[] { sender, phone, desktop })
        {
            var first = await socket.PayloadAsync("unread");
            Assert.True((bool)first["all"]!);
            Assert.Empty(first["channels"]!.AsArray());
        }

        var ids = await SendAsync(sender, channel, 3);
        foreach (var device in new[] { phone, desktop }) await UntilCountAsync(device, channel, 3);

        await phone.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = ids[1] });
        foreach (var device in new[] { phone, desktop })
        {
            var entry = await UntilCountAsync(device, channel, 1);
            Assert.Equal(ids[1], (string)entry["lastReadMessageId"]!);
        }
        await desktop.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = ids[2] });
        foreach (var device in new[] { phone, desktop }) await UntilCountAsync(device, channel, 0);

        await phone.MessageAsync(channel, "mine", "mine");
        await UntilCountAsync(sender, channel, 1);
        Assert.Equal(0, (int)(await UnreadAsync(cell, bob))["total"]!);
        await Task.WhenAll(phone.SettleAsync(), desktop.SettleAsync(), sender.SettleAsync());
        Assert.Empty(phone.Kept("unread"));
        Assert.Empty(desktop.Kept("unread"));
    }

    [Fact]
    public async Task Sync_AfterTimeOffline_BringsAllCountsAtOnceAlsoAfterARestart()
    {
        var folder = TestCell.NewFolder();
        TestUser anna, bob;
        string direct, group;
        await using (var cell = await TestCell.StartAsync(folder: folder))
        {
            (anna, bob, direct) = await PrepareAsync(cell);
            group = await cell.CreateGroupAsync(anna, "Friends", bob);
            await using var sender = await cell.ConnectAsync(anna);
            await SendAsync(sender, direct, 2);
            var ids = await SendAsync(sender, group, 5);
            await using (var phone = await cell.ConnectAsync(bob))
            {
                await phone.SendAsync("read_receipt", new { channelId = group, lastReadMessageId = ids[1] });
                await UntilCountAsync(phone, group, 3);
            }
            await SendAsync(sender, group, 1, "offline");
            AssertCounts(await FirstAsync(cell, bob), (direct, 2), (group, 4));
        }
        await using (var cell = await TestCell.StartAsync(folder: folder)) // the embedded state is gone
        {
            AssertCounts(await FirstAsync(cell, bob), (direct, 2), (group, 4));
            AssertCounts(await UnreadAsync(cell, bob), (direct, 2), (group, 4));
            Assert.Empty((await FirstAsync(cell, anna))["channels"]!.AsArray());
        }
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Count_OverAHundred_IsCappedAndCountsDownAgain()
    {
        await using var cell = await TestCell.StartAsync();
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var phone = await cell.ConnectAsync(bob);
        var ids = await SendAsync(sender, channel, 130);

        var full = await UntilCountAsync(phone, channel, 100);
        Assert.True((bool)full["capped"]!);
        var answer = await UnreadAsync(cell, bob);
        Assert.Equal(100, (int)answer["total"]!);
        Assert.True((bool)answer["capped"]!);
        Assert.True((bool)answer["channels"]![0]!["capped"]!);

        await phone.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = ids[^8] });
        var left = await UntilCountAsync(phone, channel, 7);
        Assert.Null(left["capped"]);
        Assert.Null((await UnreadAsync(cell, bob))["capped"]);
        await SendAsync(sender, channel, 1, "more");
        await UntilCountAsync(phone, channel, 8);
    }

    [Fact]
    public async Task Member_RemovedAndAddedAgain_CountsOnlyWhatCameSince()
    {
        await using var cell = await TestCell.StartAsync();
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        var group = await cell.CreateGroupAsync(anna, "Friends", bob);
        await using var sender = await cell.ConnectAsync(anna);
        await using var phone = await cell.ConnectAsync(bob);
        await SendAsync(sender, group, 2);
        await UntilCountAsync(phone, group, 2);

        using (var removed = await cell.SendAsync(HttpMethod.Delete, cell.Public, $"/v1/channels/{group}/members/{bob.UserId}?requestId=out", anna.Token)) Assert.True(removed.IsSuccessStatusCode);
        await UntilCountAsync(phone, group, 0);
        await SendAsync(sender, group, 3, "without");
        using (var added = await cell.SendAsync(HttpMethod.Put, cell.Public, $"/v1/channels/{group}/members/{bob.UserId}", anna.Token, new { role = "member", requestId = "in" })) Assert.True(added.IsSuccessStatusCode);
        using (var promoted = await cell.SendAsync(HttpMethod.Put, cell.Public, $"/v1/channels/{group}/members/{bob.UserId}", anna.Token, new { role = "admin", requestId = "up" })) Assert.True(promoted.IsSuccessStatusCode);
        await SendAsync(sender, group, 1, "again");
        await UntilCountAsync(phone, group, 1);

        var reader = (Chat.Cells.Cell.Unread.UnreadReader)cell.Services.GetService(typeof(Chat.Cells.Cell.Unread.UnreadReader))!;
        Assert.Equal(1, Assert.Single((await reader.RebuildAsync(bob.UserId)).Channels).Count);
    }

    [Fact]
    public async Task Unread_WithoutAToken_IsRefused()
    {
        await using var cell = await TestCell.StartAsync();
        using var none = await cell.GetAsync("/v1/unread");
        Assert.Equal(ErrorCodes.Unauthorized, (string)(await TestCell.ReadAsync(none, 401))["code"]!);
        using var bad = await cell.GetAsync("/v1/unread", "not a token");
        Assert.Equal(ErrorCodes.Unauthorized, (string)(await TestCell.ReadAsync(bad, 401))["code"]!);
    }

    [Fact]
    public async Task State_Down_CountsComeFromTheStoreAndAreRightWhenItIsBack()
    {
        var folder = TestCell.NewFolder();
        var real = await CellEngines.OpenEmbeddedAsync(Path.Combine(folder, "data"), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        var state = new FailingState(real.State);
        await using (var engines = real with { State = state })
        {
            await using var cell = await TestCell.StartAsync(o => o with { TickInterval = TimeSpan.FromMilliseconds(300), VerdictTimeout = TimeSpan.FromSeconds(1) }, engines, folder);
            var (anna, bob, channel) = await PrepareAsync(cell);
            await using var sender = await cell.ConnectAsync(anna);
            await using var phone = await cell.ConnectAsync(bob);
            await SendAsync(sender, channel, 1);
            await UntilCountAsync(phone, channel, 1);

            state.Fails = true;
            await sender.MessageAsync(channel, "meanwhile", "meanwhile");
            await phone.ReceiveAsync("new_message");
            await UntilCountAsync(phone, channel, 2);
            AssertCounts(await UnreadAsync(cell, bob), (channel, 2));
            AssertCounts(await FirstAsync(cell, bob), (channel, 2));

            state.Fails = false;
            await SendAsync(sender, channel, 1, "after");
            await UntilCountAsync(phone, channel, 3);
            AssertCounts(await UnreadAsync(cell, bob), (channel, 3));
        }
        await state.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Updates_LostOnTheirWay_AreNoticedAndMadeGood()
    {
        var folder = TestCell.NewFolder();
        var real = await CellEngines.OpenEmbeddedAsync(Path.Combine(folder, "data"), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        var state = new LossyState(real.State);
        await using (var engines = real with { State = state })
        {
            await using var cell = await TestCell.StartAsync(engines: engines, folder: folder);
            var (anna, bob, channel) = await PrepareAsync(cell);
            await using var sender = await cell.ConnectAsync(anna);
            await using var phone = await cell.ConnectAsync(bob);
            var ids = await SendAsync(sender, channel, 1);
            await UntilCountAsync(phone, channel, 1);

            state.LosesUnread = true;
            ids = await SendAsync(sender, channel, 2, "lost");
            await UntilCountAsync(phone, channel, 3);
            await phone.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = ids[0] });
            await UntilCountAsync(phone, channel, 1);
            AssertCounts(await UnreadAsync(cell, bob), (channel, 1));
            AssertCounts(await FirstAsync(cell, bob), (channel, 1));

            state.LosesUnread = false;
            await SendAsync(sender, channel, 1, "heard");
            await UntilCountAsync(phone, channel, 2);
            AssertCounts(await UnreadAsync(cell, bob), (channel, 2));
        }
        await ((IAsyncDisposable)real.State).DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    internal static async Task<(TestUser Anna, TestUser Bob, string Channel)> PrepareAsync(TestCell cell)
    {
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        return (anna, bob, await cell.CreateDirectAsync(anna, bob));
    }

    /// <summary>Sends and waits for the acks; the ids in order.</summary>
    internal static async Task<string[]> SendAsync(TestSocket sender, string channel, int count, string name = "m")
    {
        var ids = new string[count];
        for (var i = 0; i < count; i++)
        {
            var request = $"{name}-{channel[^4..]}-{i}";
            ids[i] = (string)(await sender.AckedAsync(channel, request, request))["messageId"]!;
        }
        return ids;
    }

    /// <summary>Reads frames until one says this count; counts on the way there may be left out, but the last is exact.</summary>
    internal static async Task<JsonObject> UntilCountAsync(TestSocket socket, string channel, int count)
    {
        while (true)
        {
            var entry = (await socket.PayloadAsync("unread"))["channels"]!.AsArray().SingleOrDefault(c => (string)c!["channelId"]! == channel);
            if (entry is not null && (int)entry["count"]! == count) return entry.AsObject();
        }
    }

    /// <summary>What a socket is told first.</summary>
    internal static async Task<JsonObject> FirstAsync(TestCell cell, TestUser user)
    {
        await using var socket = await cell.ConnectAsync(user);
        var first = await socket.PayloadAsync("unread");
        Assert.True((bool)first["all"]!);
        return first;
    }

    internal static async Task<JsonObject> UnreadAsync(TestCell cell, TestUser user)
    {
        using var response = await cell.GetAsync("/v1/unread", user.Token);
        return await TestCell.ReadAsync(response, 200);
    }

    internal static void AssertCounts(JsonObject payload, params (string Channel, int Count)[] expected) => Assert.Equal(
        expected.OrderBy(e => e.Channel, StringComparer.Ordinal),
        payload["channels"]!.AsArray().Select(c => ((string)c!["channelId"]!, (int)c["count"]!)).OrderBy(e => e.Item1, StringComparer.Ordinal));
}
