using System.Net.WebSockets;
using System.Text;
using Chat.Cells.Client.Connections;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Sync;
using Chat.Cells.Client.Tests.Servers;
using Chat.Cells.Protocol;
using Microsoft.AspNetCore.Http;
using static Chat.Cells.Client.Tests.Servers.ClientFixture;

namespace Chat.Cells.Client.Tests;

public sealed class InboxTests
{
    private const string Other = "d.00000000000000000000000002";

    [Fact]
    public async Task Frames_DuplicatedAndReordered_AreShownOnceInOrder()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        int[] order = [3, 1, 3, 2, 1, 5, 4, 5];
        for (var i = 0; i < order.Length; i++) await connection.SendMessageAsync(Channel, Id(order[i]), $"{order[i]}", $"1.0.{i + 1}");
        var shown = new List<string>();
        while (shown.Count < 5) shown.Add((await events.NextAsync<MessageReceived>()).Message.Content);
        Assert.Equal(["3", "1", "2", "5", "4"], shown);
        Assert.Equal(["1", "2", "3", "4", "5"], client.Timeline(Channel).Snapshot().Select(m => m.Content));
    }

    [Fact]
    public async Task Events_TakenIn_AreAcknowledgedOnceForMany()
    {
        await using var server = await ScriptedServer.StartAsync();
        var store = new InMemoryCursorStore();
        await using var client = new ChatClient(NewSession(), Options(server) with { DeliveredDelay = TimeSpan.FromMilliseconds(300), CursorStore = store });
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        for (var i = 1; i <= 20; i++) await connection.SendMessageAsync(Channel, Id(i), $"{i}", $"1.0.{i}");
        var delivered = await connection.ReceiveAsync(FrameTypes.Delivered);
        if ((string?)delivered["payload"]!["cursor"] != "1.0.20") delivered = await connection.ReceiveAsync(FrameTypes.Delivered);
        Assert.Equal("1.0.20", (string?)delivered["payload"]!["cursor"]);
        Assert.Equal("1.0.20", await store.LoadAsync(default));
    }

    [Fact]
    public async Task SyncBatches_SeveralWithMore_AreLiveAfterTheLast()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { CursorStore = new InMemoryCursorStore("1.0.0") });
        client.Start();
        var connection = await server.AcceptAsync();
        await connection.ReceiveAsync(FrameTypes.Sync);
        for (var i = 0; i < 3; i++)
        {
            await connection.SendAsync(
                FrameTypes.SyncBatch,
                new { events = new[] { Event(i * 2), Event((i * 2) + 1) }, cursor = $"1.0.{(i * 2) + 1}", more = i < 2 });
            if (i < 2) Assert.NotEqual(ConnectionState.Live, client.State);
        }
        await client.WaitUntilLiveAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(6, client.Timeline(Channel).Count);

        static object Event(int n) => new
        {
            type = "new_message",
            payload = new { channelId = Channel, messageId = Id(n), sender = "eu.other", contentType = "text", content = $"{n}", channelVersion = 1, cursor = $"1.0.{n}" },
        };
    }

    [Fact]
    public async Task SyncReset_LoadsChannelsAndHistoryThenGoesLive()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Http = ServeHistoryAsync;
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var connection = await server.AcceptAsync();
        await connection.ReceiveAsync(FrameTypes.Sync);
        await connection.SendAsync(FrameTypes.SyncReset, new { cursor = "1.0.9" });
        await connection.SendMessageAsync(Channel, Id(4), "live", "1.0.10");
        await client.WaitUntilLiveAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 4, "history and live are both there");
        Assert.Equal(["h1", "h2", "h3", "live"], client.Timeline(Channel).Snapshot().Select(m => m.Content));
        Assert.Equal("Team", Assert.Single(client.Channels).Name);
        Assert.True((await events.NextAsync<Synced>()).Reset);
    }

    [Fact]
    public async Task SyncReset_ConnectionBreaksDuringTheReload_StartsOverWithoutACursor()
    {
        await using var server = await ScriptedServer.StartAsync();
        var answer = new TaskCompletionSource();
        server.Http = async context =>
        {
            await answer.Task.WaitAsync(context.RequestAborted);
            await ServeHistoryAsync(context);
        };
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptAsync();
        await first.ReceiveAsync(FrameTypes.Sync);
        await first.SendAsync(FrameTypes.SyncReset, new { cursor = "1.0.9" });
        await first.SendMessageAsync(Channel, Id(4), "live", "1.0.10");
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 1, "the live message is shown");
        first.Abort();
        var second = await server.AcceptAsync();
        Assert.Null((await second.ReceiveAsync(FrameTypes.Sync))["payload"]!["cursor"]);
        answer.SetResult();
        await second.SendAsync(FrameTypes.SyncReset, new { cursor = "1.0.10" });
        await client.WaitUntilLiveAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(["h1", "h2", "h3", "live"], client.Timeline(Channel).Snapshot().Select(m => m.Content));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"type\":\"new_message\"}")]
    [InlineData("{\"type\":\"new_message\",\"payload\":{}}")]
    [InlineData("{\"type\":\"new_message\",\"payload\":{\"channelId\":\"d.1\",\"messageId\":\"short\",\"sender\":\"x\"}}")]
    [InlineData("{\"type\":\"message_ack\",\"payload\":{\"messageId\":5}}")]
    [InlineData("{\"type\":\"sync_batch\",\"payload\":{\"events\":7}}")]
    public async Task Server_SendsGarbage_ConnectionIsMadeAnewFromTheLastCursor(string garbage)
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptSyncedAsync("1.0.4");
        await first.SendRawAsync(garbage);
        Assert.True(await first.EndsAsync());
        var second = await server.AcceptAsync();
        Assert.Equal("1.0.4", (string?)(await second.ReceiveAsync(FrameTypes.Sync))["payload"]!["cursor"]);
    }

    [Fact]
    public async Task Server_SendsDeepOrBinaryOrUnknownFrames_ClientLives()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await first.SendRawAsync($"{{\"type\":\"x\",\"payload\":{new string('[', 200)}{new string(']', 200)}}}");
        Assert.True(await first.EndsAsync());
        var second = await server.AcceptSyncedAsync();
        await second.SendRawAsync("binary", WebSocketMessageType.Binary);
        Assert.True(await second.EndsAsync());
        var third = await server.AcceptSyncedAsync();
        await third.SendAsync("invented_later", new { a = 1 });
        await third.SendMessageAsync(Channel, Id(1), "still here", "1.0.1");
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 1, "the message after the unknown frame is shown");
        Assert.Equal(3, client.Connection);
    }

    [Fact]
    public async Task Server_SendsFrameOverTheLimit_ConnectionIsMadeAnew()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { MaxFrameBytes = 64 * 1024 });
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await first.SendMessageAsync(Channel, Id(1), new string('x', 40_000), "1.0.1");
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 1, "a large frame within the limit is shown");
        await first.SendMessageAsync(Channel, Id(2), new string('x', 100_000), "1.0.2");
        Assert.True(await first.EndsAsync());
        Assert.Equal("1.0.1", (string?)(await (await server.AcceptAsync()).ReceiveAsync(FrameTypes.Sync))["payload"]!["cursor"]);
    }

    [Fact]
    public async Task Handler_Fails_EventComesAgain()
    {
        await using var server = await ScriptedServer.StartAsync();
        var failures = 0;
        var kept = new List<string>();
        var options = Options(server) with
        {
            Handler = (chatEvent, _) =>
            {
                if (chatEvent is not MessageReceived received) return ValueTask.CompletedTask;
                if (failures++ == 0) throw new IOException("the disk is full");
                kept.Add(received.Message.Content);
                return ValueTask.CompletedTask;
            },
        };
        await using var client = new ChatClient(NewSession(), options);
        client.Start();
        var first = await server.AcceptSyncedAsync("1.0.0");
        await first.SendMessageAsync(Channel, Id(1), "one", "1.0.1");
        var second = await server.AcceptAsync();
        Assert.Equal("1.0.0", (string?)(await second.ReceiveAsync(FrameTypes.Sync))["payload"]!["cursor"]);
        await second.SendMessageAsync(Channel, Id(1), "one", "1.0.1");
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 1 && kept.Count == 1, "the message is kept the second time");
        Assert.IsType<IOException>(client.LastHandlerFailure);
    }

    [Fact]
    public async Task MarkRead_ConnectionBreaksBeforeItIsConfirmed_IsSentAgain()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptSyncedAsync();
        client.MarkRead(Channel, Id(3));
        client.MarkRead(Channel, Id(2)); // Backwards: nothing.
        Assert.Equal(Id(3), (string?)(await first.ReceiveAsync(FrameTypes.ReadReceipt))["payload"]!["lastReadMessageId"]);
        first.Abort();
        var second = await server.AcceptSyncedAsync();
        Assert.Equal(Id(3), (string?)(await second.ReceiveAsync(FrameTypes.ReadReceipt))["payload"]!["lastReadMessageId"]);
        await second.SendAsync(FrameTypes.Read, new { channelId = Channel, readUpTo = Id(3), eventId = Id(9), cursor = "1.0.1" });
        await second.ReceiveAsync(FrameTypes.Delivered);
        second.Abort();
        var third = await server.AcceptSyncedAsync();
        client.Send(Channel, "marker");
        await third.ReceiveAsync(FrameTypes.ChatMessage); // Throws when a read receipt came first.
    }

    [Fact]
    public async Task MarkRead_OfAnOwnMessage_NamesTheLastOneOfOthers()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        await connection.SendMessageAsync(Other, Id(1), "mine", "1.0.1", User);
        await connection.SendMessageAsync(Channel, Id(2), "theirs", "1.0.2");
        await connection.SendMessageAsync(Channel, Id(4), "mine", "1.0.3", User);
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 2, "both are shown");
        client.MarkRead(Other, Id(1)); // Nothing of others there: nothing to say.
        client.MarkRead(Channel, Id(4)); // Theirs with id 3 may still be on its way from another cell.
        var receipt = (await connection.ReceiveAsync(FrameTypes.ReadReceipt))["payload"]!;
        Assert.Equal((Channel, Id(2)), ((string?)receipt["channelId"], (string?)receipt["lastReadMessageId"]));
    }

    [Fact]
    public async Task Channel_ChangedAndRemoved_IsKeptByVersion()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        await connection.SendAsync(FrameTypes.ChannelChanged, Change(2, "Newer", false));
        await connection.SendAsync(FrameTypes.ChannelChanged, Change(1, "Older", false));
        await connection.SendAsync(FrameTypes.Receipt, new { channelId = Channel, userId = "eu.other", deliveredUpTo = Id(1) });
        Assert.Equal(Id(1), (await events.NextAsync<ReceiptReceived>()).DeliveredUpTo);
        Assert.Equal("Newer", Assert.Single(client.Channels).Name);
        await connection.SendAsync(FrameTypes.ChannelChanged, Change(3, "Newer", true));
        await Poll.UntilAsync(() => !client.Channels.Any(), "the channel is gone");

        static object Change(int version, string name, bool removed) => new
        {
            channelId = Channel,
            type = "group",
            name,
            home = "eu",
            version,
            members = new[] { new { userId = User, role = "owner" } },
            removed,
            eventId = Id(version),
            cursor = $"1.0.{version}",
        };
    }

    [Fact]
    public async Task Subscription_ReaderTooSlow_EndsWithOverflowAndClientGoesOn()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe(capacity: 3);
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        for (var i = 1; i <= 10; i++) await connection.SendMessageAsync(Channel, Id(i), $"{i}", $"1.0.{i}");
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 10, "all messages are shown");
        await Assert.ThrowsAsync<EventOverflowException>(async () =>
        {
            await foreach (var _ in subscription)
            {
            }
        });
    }

    [Fact]
    public async Task FrameTap_SeesBothDirectionsWithConnectionNumbers()
    {
        await using var server = await ScriptedServer.StartAsync();
        var tap = new RecordingTap();
        await using (var client = new ChatClient(NewSession(), Options(server) with { FrameTap = tap }))
        {
            client.Start();
            var first = await server.AcceptSyncedAsync();
            await Poll.UntilAsync(() => client.State == ConnectionState.Live, "the first connection is live");
            first.Abort();
            await server.AcceptSyncedAsync();
            await Poll.UntilAsync(() => client.Connection == 2 && client.State == ConnectionState.Live, "the second connection is live");
        }
        string[] expected = ["open 1", "out 1 sync", "in 1 sync_batch", "closed 1", "open 2", "out 2 sync", "in 2 sync_batch"];
        Assert.Equal(expected, tap.Lines.Where(l => !l.Contains("delivered", StringComparison.Ordinal)).Take(expected.Length));
    }

    private static async Task ServeHistoryAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        var path = context.Request.Path.Value!;
        if (path == "/v1/channels")
        {
            await context.Response.WriteAsync(
                $$"""{"channels":[{"channelId":"{{Channel}}","type":"group","name":"Team","home":"eu","version":1,"members":[{"userId":"{{User}}","role":"owner"}]}]}""");
        }
        else if (path.EndsWith("/messages", StringComparison.Ordinal))
        {
            var page = context.Request.Query.ContainsKey("before")
                ? $$"""{"messages":[{{Message(1)}}]}"""
                : $$"""{"messages":[{{Message(3)}},{{Message(2)}}],"next":"{{Id(2)}}"}""";
            await context.Response.WriteAsync(page);
        }
        else
        {
            context.Response.StatusCode = 404;
        }

        static string Message(int n) => $$"""{"messageId":"{{Id(n)}}","sender":"eu.other","contentType":"text","content":"h{{n}}","channelVersion":1}""";
    }

    private sealed class RecordingTap : IFrameTap
    {
        private readonly List<string> lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (lines) return lines.ToArray();
            }
        }

        public void ConnectionOpened(int connection, long at) => Add($"open {connection}");

        public void ConnectionClosed(int connection, long at, int? closeCode, string? reason) => Add($"closed {connection}");

        public void Frame(int connection, long at, FrameDirection direction, ReadOnlySpan<byte> frame)
        {
            var type = System.Text.Json.Nodes.JsonNode.Parse(Encoding.UTF8.GetString(frame))!["type"];
            Add($"{(direction == FrameDirection.FromServer ? "in" : "out")} {connection} {type}");
        }

        private void Add(string line)
        {
            lock (lines) lines.Add(line);
        }
    }
}
