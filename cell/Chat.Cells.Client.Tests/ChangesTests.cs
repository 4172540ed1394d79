using System.Text.Json.Nodes;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Messaging;
using Chat.Cells.Client.Tests.Servers;
using Chat.Cells.Protocol;
using Microsoft.AspNetCore.Http;
using static Chat.Cells.Client.Tests.Servers.ClientFixture;

namespace Chat.Cells.Client.Tests;

public sealed class ChangesTests
{
    private const string Other = "eu.other";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Edit_Acked_IsInTheTimelineAndRaised()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var connection = await ConnectAsync(server);
        await events.NextAsync<MessageReceived>();
        var edit = client.Edit(Channel, Id(1), "second");
        var frame = await connection.ReceiveAsync(FrameTypes.EditMessage);
        Assert.Equal($$"""{"channelId":"{{Channel}}","messageId":"{{Id(1)}}","content":"second","contentType":"text"}""", frame["payload"]!.ToJsonString());
        Assert.Equal(edit.RequestId, (string?)frame["requestId"]);
        Assert.Equal("second", Assert.Single(client.PendingChanges(Channel)).Content);
        Assert.Equal("first", Assert.Single(client.Timeline(Channel).Snapshot()).Content);
        await AckAsync(connection, frame, Id(2));
        var outcome = await edit.Outcome.WaitAsync(Patience);
        Assert.Equal((true, Id(2)), (outcome.IsAccepted, outcome.EventId));
        var changed = await events.NextAsync<MessageChanged>();
        Assert.Equal(("second", true, User), (changed.Message.Content, changed.Message.IsEdited, changed.By));
        Assert.Equal("second", Assert.Single(client.Timeline(Channel).Snapshot()).Content);
        Assert.Empty(client.PendingChanges(Channel));
        Assert.Equal(0, client.Unacked);
    }

    [Fact]
    public async Task Delete_AckLostWithTheConnection_IsRepeatedAndItsInboxEventIsTheAck()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await ConnectAsync(server);
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 1, "the message is shown");
        var deletion = client.Delete(Channel, Id(1));
        var sent = await first.ReceiveAsync(FrameTypes.DeleteMessage);
        first.Abort();
        var second = await server.AcceptSyncedAsync("1.0.1");
        var again = await second.ReceiveAsync(FrameTypes.DeleteMessage);
        Assert.Equal(sent["payload"]!.ToJsonString(), again["payload"]!.ToJsonString());
        Assert.Equal(deletion.RequestId, (string?)again["requestId"]);
        await ChangeAsync(second, 1, 2, null, "1.0.2", User, deletion.RequestId);
        Assert.True((await deletion.Outcome.WaitAsync(Patience)).IsAccepted);
        var message = Assert.Single(client.Timeline(Channel).Snapshot());
        Assert.Equal((true, ""), (message.IsDeleted, message.Content));
    }

    [Theory]
    [InlineData(ErrorCodes.Retry)]
    [InlineData(ErrorCodes.Busy)]
    [InlineData(ErrorCodes.RateLimited)]
    public async Task Edit_PassingError_IsRepeatedAndHoldsTheNextChangeOfItsMessageOnly(string code)
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var connection = await ConnectAsync(server);
        var a = client.Edit(Channel, Id(1), "a");
        await connection.ReceiveAsync(FrameTypes.EditMessage);
        var b = client.Edit(Channel, Id(1), "b");
        await connection.SendAsync(FrameTypes.Error, new { code, message = "later", retryAfter = 100 }, a.RequestId);
        client.Edit(Channel, Id(7), "another message");
        Assert.Equal(Id(7), (string?)(await connection.ReceiveAsync(FrameTypes.EditMessage))["payload"]!["messageId"]);
        client.Send(Channel, "a send");
        var send = await connection.ReceiveAsync(FrameTypes.ChatMessage);
        Assert.Null(send["payload"]!["afterRequest"]); // An edit is no predecessor: the server would wait for ever.
        var again = await connection.ReceiveAsync(FrameTypes.EditMessage);
        Assert.Equal(a.RequestId, (string?)again["requestId"]);
        await AckAsync(connection, again, Id(10));
        Assert.Equal(b.RequestId, (string?)(await connection.ReceiveAsync(FrameTypes.EditMessage))["requestId"]);
    }

    [Fact]
    public async Task Edit_NoAnswerOnALiveConnection_IsRepeated()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { AckTimeout = TimeSpan.FromMilliseconds(50) });
        client.Start();
        var connection = await ConnectAsync(server);
        var edit = client.Edit(Channel, Id(1), "a");
        for (var i = 0; i < 3; i++) Assert.Equal(edit.RequestId, (string?)(await connection.ReceiveAsync(FrameTypes.EditMessage))["requestId"]);
    }

    [Theory]
    [InlineData(ErrorCodes.NotMember)]
    [InlineData(ErrorCodes.Forbidden)]
    [InlineData(ErrorCodes.UnknownMessage)]
    [InlineData(ErrorCodes.Deleted)]
    [InlineData(ErrorCodes.UnknownType)]
    public async Task Edit_FinalError_CompletesAndChangesNothing(string code)
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var connection = await ConnectAsync(server);
        await events.NextAsync<MessageReceived>();
        var edit = client.Edit(Channel, Id(1), "a");
        var next = client.Delete(Channel, Id(1));
        await connection.ReceiveAsync(FrameTypes.EditMessage);
        await connection.SendAsync(FrameTypes.Error, new { code, message = "no" }, edit.RequestId);
        var outcome = await edit.Outcome.WaitAsync(Patience);
        Assert.Equal((false, code, "no"), (outcome.IsAccepted, outcome.ErrorCode, outcome.ErrorMessage));
        Assert.Equal((code, Channel), ((await events.NextAsync<ChangeRefused>()) is var refused ? refused.Outcome.ErrorCode : null, refused.ChannelId));
        Assert.Equal("first", Assert.Single(client.Timeline(Channel).Snapshot()).Content);
        Assert.Equal(next.RequestId, (string?)(await connection.ReceiveAsync(FrameTypes.DeleteMessage))["requestId"]);
    }

    [Fact]
    public async Task MessageChanged_AnyOrderLiveAndInABatch_ShowsTheHighestAndDeletionWins()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var connection = await ConnectAsync(server);
        await ChangeAsync(connection, 1, 5, "fifth", "1.0.2");
        await ChangeAsync(connection, 1, 4, "fourth", "1.0.3");
        await ChangeAsync(connection, 1, 5, "fifth", "1.0.4");
        await ChangeAsync(connection, 1, 3, null, "1.0.5");
        await ChangeAsync(connection, 1, 9, "ninth", "1.0.6");
        var edited = await events.NextAsync<MessageChanged>();
        Assert.Equal(("fifth", Other), (edited.Message.Content, edited.By));
        Assert.True((await events.NextAsync<MessageChanged>()).Message.IsDeleted);
        await connection.SendMessageAsync(Channel, Id(20), "fence", "1.0.7");
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 2, "all came");
        Assert.Equal(["", "fence"], client.Timeline(Channel).Snapshot().Select(m => m.Content));
    }

    [Fact]
    public async Task MessageChanged_BeforeItsMessage_IsAppliedWhenThatComes()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { CursorStore = new Sync.InMemoryCursorStore("1.0.0") });
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var connection = await server.AcceptAsync();
        await connection.ReceiveAsync(FrameTypes.Sync);
        var changed = new { channelId = Channel, messageId = Id(1), eventId = Id(2), sender = Other, by = Other, contentType = "text", content = "second", cursor = "1.0.1" };
        var message = new { channelId = Channel, messageId = Id(1), sender = Other, contentType = "text", content = "first", channelVersion = 1, cursor = "1.0.2" };
        object[] batch = [new { type = "message_changed", payload = (object)changed }, new { type = "new_message", payload = (object)message }];
        await connection.SendAsync(FrameTypes.SyncBatch, new { events = batch, cursor = "1.0.2", more = false });
        var received = (await events.NextAsync<MessageReceived>()).Message;
        Assert.Equal(("second", true, Id(2)), (received.Content, received.IsEdited, received.EventId));
        var delivered = await connection.ReceiveAsync(FrameTypes.Delivered);
        Assert.Equal("1.0.2", (string?)delivered["payload"]!["cursor"]);
    }

    [Fact]
    public async Task MessageChanged_HandlerFails_IsUndoneAndToldAgain()
    {
        await using var server = await ScriptedServer.StartAsync();
        var fails = true;
        await using var client = new ChatClient(NewSession(), Options(server) with
        {
            Handler = (e, _) => e is MessageChanged && fails ? throw new InvalidOperationException("not now") : ValueTask.CompletedTask,
        });
        client.Start();
        var first = await ConnectAsync(server);
        await ChangeAsync(first, 1, 2, "second", "1.0.2");
        await Poll.UntilAsync(() => client.LastHandlerFailure is not null, "the handler failed");
        var second = await server.AcceptSyncedAsync("1.0.1");
        Assert.Equal("first", Assert.Single(client.Timeline(Channel).Snapshot()).Content);
        fails = false;
        await ChangeAsync(second, 1, 2, "second", "1.0.2");
        await Poll.UntilAsync(() => client.Timeline(Channel).Snapshot()[0].Content == "second", "it was told again");
    }

    [Theory]
    [InlineData("""{"type":"message_changed","payload":{"channelId":"c","messageId":"short","eventId":"01J00000000000000000000002","by":"x","content":"a","cursor":"1.0.2"}}""")]
    [InlineData("""{"type":"message_changed","payload":{"channelId":"c","messageId":"01J00000000000000000000001","by":"x","content":"a","cursor":"1.0.2"}}""")]
    [InlineData("""{"type":"message_changed","payload":{"messageId":"01J00000000000000000000001","eventId":"01J00000000000000000000002","by":"x","content":"a","cursor":"1.0.2"}}""")]
    [InlineData("""{"type":"message_changed","payload":7}""")]
    public async Task MessageChanged_Malformed_ConnectsAnew(string frame)
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await first.SendRawAsync(frame);
        Assert.True(await first.EndsAsync());
        await server.AcceptSyncedAsync();
    }

    [Fact]
    public async Task SyncReset_HistoryCarriesChanges_KnownAndNewMessagesShowThem()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Http = async context =>
        {
            var path = context.Request.Path.Value!;
            var body = path.EndsWith("/messages", StringComparison.Ordinal)
                ? $$"""
                  {"messages":[
                    {"messageId":"{{Id(3)}}","sender":"{{Other}}","deleted":true,"eventId":"{{Id(8)}}"},
                    {"messageId":"{{Id(1)}}","sender":"{{User}}","contentType":"text","content":"edited","edited":true,"eventId":"{{Id(7)}}","channelVersion":1}]}
                  """
                : $$"""{"channels":[{"channelId":"{{Channel}}","type":"direct","home":"eu","version":2,"members":[]}]}""";
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(body);
        };
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var first = await ConnectAsync(server);
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 1, "the message is shown");
        first.Abort();
        var second = await server.AcceptAsync();
        await second.ReceiveAsync(FrameTypes.Sync);
        await second.SendAsync(FrameTypes.SyncReset, new { cursor = "1.0.9" });
        Assert.True((await events.NextAsync<MessageChanged>()) is { By: null, Message.Content: "edited" });
        Assert.True((await events.NextAsync<Synced>()).Reset);
        Assert.Equal([("edited", false), ("", true)], client.Timeline(Channel).Snapshot().Select(m => (m.Content, m.IsDeleted)));
    }

    [Fact]
    public async Task Edit_OutboxFullOrRequestIdInUse_Throws()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { MaxOutbox = 3 });
        client.Edit(Channel, Id(1), "a", requestId: "mine");
        Assert.Throws<ArgumentException>(() => client.Delete(Channel, Id(1), requestId: "mine"));
        Assert.Throws<ArgumentException>(() => client.Send(Channel, "b", requestId: "mine"));
        client.Send(Channel, "b", requestId: "other");
        Assert.Throws<ArgumentException>(() => client.Edit(Channel, Id(1), "b", requestId: "other"));
        client.Delete(Channel, Id(1));
        Assert.Throws<OutboxFullException>(() => client.Edit(Channel, Id(1), "c"));
        Assert.Throws<OutboxFullException>(() => client.Send(Channel, "c"));
        Assert.Equal(3, client.Unacked);
    }

    [Fact]
    public async Task Dispose_WithUnansweredChanges_CancelsThem()
    {
        await using var server = await ScriptedServer.StartAsync();
        var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        await server.AcceptSyncedAsync();
        var edit = client.Edit(Channel, Id(1), "a");
        await client.DisposeAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => edit.Outcome);
    }

    /// <summary>A connection on which the user's own message 1, "first", has come.</summary>
    private static async Task<ScriptedConnection> ConnectAsync(ScriptedServer server)
    {
        var connection = await server.AcceptSyncedAsync();
        await connection.SendMessageAsync(Channel, Id(1), "first", "1.0.1", User);
        return connection;
    }

    private static Task AckAsync(ScriptedConnection connection, JsonObject frame, string eventId) => connection.SendAsync(
        FrameTypes.MessageAck,
        new { messageId = (string?)frame["payload"]!["messageId"], channelId = Channel, status = "accepted", eventId },
        (string?)frame["requestId"]);

    private static Task ChangeAsync(ScriptedConnection connection, int message, int change, string? content, string cursor, string by = Other, string? requestId = null) => connection.SendAsync(
        FrameTypes.MessageChanged,
        content is null
            ? new { channelId = Channel, messageId = Id(message), eventId = Id(change), sender = User, by, deleted = true, cursor, requestId }
            : (object)new { channelId = Channel, messageId = Id(message), eventId = Id(change), sender = User, by, contentType = "text", content, cursor, requestId });
}
