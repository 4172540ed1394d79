using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Cell.Tests.Unread;
using Chat.Cells.Protocol;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>A whole cell on <c>--state redis</c>.</summary>
[Needs(Needed.RedisServer)]
public sealed class RedisCellTests : IAsyncLifetime
{
    private const string Password = "correct horse";
    private readonly string folder = TestCell.NewFolder();
    private RedisServer server = null!;

    public async Task InitializeAsync()
    {
        server = await RedisServer.StartAsync(Password);
        Directory.CreateDirectory(Path.Combine(folder, "secrets"));
    }

    public async Task DisposeAsync()
    {
        await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private Task WriteSecretAsync(string name, string text) => File.WriteAllTextAsync(Path.Combine(folder, "secrets", name), text);

    private async Task<TestCell> StartAsync(Func<CellOptions, CellOptions>? change = null)
    {
        await WriteSecretAsync("redis-password", Password + "\n");
        return await TestCell.StartAsync(
            o => (change ?? (p => p))(o with { State = "redis", Redis = server.Endpoint, TickInterval = TimeSpan.FromMilliseconds(500) }), folder: folder);
    }

    [Fact]
    public async Task Redis_Flushed_IsFilledByTheNextTickAndHintsGoOn()
    {
        await using var cell = await StartAsync(o => o with { MessagesPerMinute = 100 });
        var state = cell.Services.GetRequiredService<ICellState>();
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await SendAsync(sender, channel, "before", receiver);
        Assert.StartsWith(":", await server.AskAsync("DBSIZE"), StringComparison.Ordinal);
        Assert.Equal(":1\r\n", await server.AskAsync("EXISTS", $"eu-west-1:ws:conn:{{{bob.UserId}}}"));

        await server.AskAsync("FLUSHALL");
        await Poll.UntilAsync(
            async () => (await state.FindServersAsync([anna.UserId, bob.UserId], default)).All(s => s.SequenceEqual(["server-0"])), "the tick registers both users again");

        await SendAsync(sender, channel, "after", receiver);
        await receiver.SettleAsync();
        Assert.Empty(receiver.Kept("new_message"));
    }

    [Fact]
    public async Task Redis_KilledAndBack_NothingIsLostOrDoubledAndSocketsStay()
    {
        await using var cell = await StartAsync(o => o with { VerdictTimeout = TimeSpan.FromSeconds(1), MessagesPerMinute = 100 });
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await SendAsync(sender, channel, "before", receiver);

        await server.KillAsync();
        await sender.MessageAsync(channel, "meanwhile", "meanwhile");
        var meanwhile = await receiver.PayloadAsync("new_message");
        Assert.Equal("meanwhile", (string)meanwhile["content"]!);
        Assert.Equal(ErrorCodes.Retry, (string)(await sender.PayloadAsync("error", "meanwhile"))["code"]!);

        await server.RestartAsync();
        var acked = 0;
        await Poll.UntilAsync(
            async () =>
            {
                await sender.MessageAsync(channel, "meanwhile", "meanwhile");
                var answer = await sender.NextAsync();
                while ((string)answer!["type"]! is not ("message_ack" or "error")) answer = await sender.NextAsync();
                if ((string)answer["type"]! == "error") return false;
                Assert.Equal((string)meanwhile["messageId"]!, (string)answer["payload"]!["messageId"]!);
                return ++acked == 1;
            },
            "the retry is answered");
        await SendAsync(sender, channel, "after", receiver);
        await receiver.SettleAsync();
        Assert.Empty(receiver.Kept("new_message"));
    }

    [Fact]
    public async Task Redis_AnswersSlowly_EachMessageDoesNotWaitForTheOneBefore()
    {
        const int count = 40;
        await using var link = new SlowLink(server.Port);
        await using var cell = await StartAsync(o => o with { Redis = link.Endpoint, MessagesPerMinute = 0 });
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await SendAsync(sender, channel, "before", receiver);

        // Less than a call may take: nothing fails. One after the other the verdicts would take 24 s, and their senders would be told to retry.
        link.Delay = TimeSpan.FromMilliseconds(600);
        for (var i = 0; i < count; i++) await sender.MessageAsync(channel, $"m{i}", $"m{i}");

        for (var i = 0; i < count; i++)
        {
            var answer = await sender.ReceiveAsync(frame => (string)frame["type"]! is "message_ack" or "error" && (string?)frame["requestId"] == $"m{i}", "an answer");
            Assert.Equal("message_ack", (string)answer["type"]!);
        }
        for (var i = 0; i < count; i++) Assert.Equal($"m{i}", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
        link.Delay = TimeSpan.Zero;
        await SendAsync(sender, channel, "after", receiver);
        Assert.Empty(receiver.Kept("new_message"));
    }

    [Fact]
    public async Task Unread_RedisFlushedThenKilledAndReplaced_StaysRightOnEveryDevice()
    {
        await using var cell = await StartAsync(o => o with { VerdictTimeout = TimeSpan.FromSeconds(1), MessagesPerMinute = 0 });
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var phone = await cell.ConnectAsync(bob);
        await UnreadTests.SendAsync(sender, channel, 2);
        await UnreadTests.UntilCountAsync(phone, channel, 2);
        Assert.Equal(":1\r\n", await server.AskAsync("EXISTS", $"eu-west-1:unread:{{{bob.UserId}}}:{channel}"));

        await server.AskAsync("FLUSHALL");
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(cell, bob), (channel, 2));
        Assert.Equal(":1\r\n", await server.AskAsync("EXISTS", $"eu-west-1:unread:{{{bob.UserId}}}:{channel}"));
        await server.AskAsync("FLUSHALL");
        var ids = await UnreadTests.SendAsync(sender, channel, 1, "flushed");
        await UnreadTests.UntilCountAsync(phone, channel, 3);

        await server.KillAsync();
        await sender.MessageAsync(channel, "meanwhile", "meanwhile");
        await phone.ReceiveAsync("new_message");
        await UnreadTests.UntilCountAsync(phone, channel, 4);
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(cell, bob), (channel, 4));
        await phone.SendAsync("read_receipt", new { channelId = channel, lastReadMessageId = ids[0] });
        await UnreadTests.UntilCountAsync(phone, channel, 1);

        await server.RestartAsync(); // empty
        await using var desktop = await cell.ConnectAsync(await cell.LogInAsync("bob"));
        UnreadTests.AssertCounts(await desktop.PayloadAsync("unread"), (channel, 1));
        await Poll.UntilAsync(
            async () =>
            {
                UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(cell, bob), (channel, 1));
                return await server.AskAsync("EXISTS", $"eu-west-1:unread:{{{bob.UserId}}}:{channel}") == ":1\r\n";
            },
            "the sets are rebuilt");
        await UnreadTests.SendAsync(sender, channel, 1, "after");
        foreach (var device in new[] { phone, desktop }) await UnreadTests.UntilCountAsync(device, channel, 2);
    }

    [Fact]
    public async Task Start_WithAWrongPasswordOrWithoutAnInternalToken_SaysSo()
    {
        await WriteSecretAsync("redis-password", "wrong one");
        var options = TestCell.DefaultOptions(folder) with { State = "redis", Redis = server.Endpoint };
        Assert.Contains("password", (await Assert.ThrowsAsync<CellStateException>(() => CellHost.StartAsync(options))).Message, StringComparison.Ordinal);
        await WriteSecretAsync("internal-token", "short");
        Assert.Contains("internal-token", (await Assert.ThrowsAsync<OptionsException>(() => CellHost.StartAsync(options))).Message, StringComparison.Ordinal);
    }

    private static async Task<(TestUser Anna, TestUser Bob, string Channel)> PrepareAsync(TestCell cell)
    {
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        return (anna, bob, await cell.CreateDirectAsync(anna, bob));
    }

    private static async Task SendAsync(Connections.TestSocket sender, string channel, string text, Connections.TestSocket receiver)
    {
        await sender.AckedAsync(channel, text, text);
        Assert.Equal(text, (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }
}
