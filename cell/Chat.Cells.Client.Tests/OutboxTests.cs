using Chat.Cells.Client.Events;
using Chat.Cells.Client.Messaging;
using Chat.Cells.Client.Tests.Servers;
using Chat.Cells.Protocol;
using static Chat.Cells.Client.Tests.Servers.ClientFixture;

namespace Chat.Cells.Client.Tests;

public sealed class OutboxTests
{
    private const string Other = "d.00000000000000000000000002";

    [Fact]
    public async Task Send_AckLostWithTheConnection_IsRepeatedWithTheSameRequestId()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptSyncedAsync();
        var send = client.Send(Channel, "hello");
        var sent = await first.ReceiveAsync(FrameTypes.ChatMessage);
        first.Abort();
        var second = await server.AcceptSyncedAsync();
        var again = await second.ReceiveAsync(FrameTypes.ChatMessage);
        Assert.Equal(sent["payload"]!.ToJsonString(), again["payload"]!.ToJsonString());
        Assert.Equal(send.RequestId, (string?)again["requestId"]);
        await second.SendAsync(FrameTypes.MessageAck, new { messageId = Id(1), channelId = Channel, status = "accepted" }, send.RequestId);
        Assert.Equal(Id(1), (await send.Outcome.WaitAsync(TimeSpan.FromSeconds(30))).MessageId);
        Assert.Equal("hello", Assert.Single(client.Timeline(Channel).Snapshot()).Content);
    }

    [Fact]
    public async Task Send_NoAnswerOnALiveConnection_IsRepeated()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { AckTimeout = TimeSpan.FromMilliseconds(50) });
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        var send = client.Send(Channel, "hello");
        for (var i = 0; i < 3; i++) Assert.Equal(send.RequestId, (string?)(await connection.ReceiveAsync(FrameTypes.ChatMessage))["requestId"]);
    }

    [Theory]
    [InlineData(ErrorCodes.Retry)]
    [InlineData(ErrorCodes.Busy)]
    [InlineData(ErrorCodes.RateLimited)]
    public async Task Send_PassingError_IsRepeatedAfterTheTimeGiven(string code)
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        var send = client.Send(Channel, "hello");
        await connection.ReceiveAsync(FrameTypes.ChatMessage);
        var at = TimeProvider.System.GetTimestamp();
        await connection.SendAsync(FrameTypes.Error, new { code, message = "later", retryAfter = 150 }, send.RequestId);
        var again = await connection.ReceiveAsync(FrameTypes.ChatMessage);
        Assert.True(TimeProvider.System.GetElapsedTime(at) >= TimeSpan.FromMilliseconds(140));
        Assert.Equal(send.RequestId, (string?)again["requestId"]);
        Assert.False(send.Outcome.IsCompleted);
    }

    [Theory]
    [InlineData(ErrorCodes.NotMember)]
    [InlineData(ErrorCodes.Conflict)]
    [InlineData(ErrorCodes.TooLarge)]
    [InlineData(ErrorCodes.BadRequest)]
    public async Task Send_FinalError_CompletesAndIsNeverShown(string code)
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        var send = client.Send(Channel, "hello");
        await connection.ReceiveAsync(FrameTypes.ChatMessage);
        await connection.SendAsync(FrameTypes.Error, new { code, message = "no" }, send.RequestId);
        var outcome = await send.Outcome.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(code, outcome.ErrorCode);
        Assert.Empty(client.Timeline(Channel).Snapshot());
        Assert.Equal(0, client.Unacked);
    }

    [Fact]
    public async Task Send_SeveralInAChannel_NameTheOneBeforeAndTheHighestKnownId()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        await connection.SendMessageAsync(Channel, Id(5), "five", "1.0.1");
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 1, "the message is shown");
        var a = client.Send(Channel, "a");
        client.Send(Other, "elsewhere");
        client.Send(Channel, "b");
        var first = (await connection.ReceiveAsync(FrameTypes.ChatMessage))["payload"]!;
        var elsewhere = (await connection.ReceiveAsync(FrameTypes.ChatMessage))["payload"]!;
        var second = (await connection.ReceiveAsync(FrameTypes.ChatMessage))["payload"]!;
        Assert.Null(first["afterRequest"]);
        Assert.Equal(Id(5), (string?)first["after"]);
        Assert.Null(elsewhere["afterRequest"]);
        Assert.Null(elsewhere["after"]);
        Assert.Equal(a.RequestId, (string?)second["afterRequest"]);
    }

    [Fact]
    public async Task Send_BehindOneThatWaits_IsHeldBackUntilThatOneIsSent()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        var a = client.Send(Channel, "a");
        var b = client.Send(Channel, "b");
        await connection.ReceiveAsync(FrameTypes.ChatMessage);
        await connection.ReceiveAsync(FrameTypes.ChatMessage);
        // The first is to wait long, the second short: they still go in order.
        await connection.SendAsync(FrameTypes.Error, new { code = "retry", message = "later", retryAfter = 200 }, a.RequestId);
        await connection.SendAsync(FrameTypes.Error, new { code = "retry", message = "later", retryAfter = 1 }, b.RequestId);
        Assert.Equal(a.RequestId, (string?)(await connection.ReceiveAsync(FrameTypes.ChatMessage))["requestId"]);
        Assert.Equal(b.RequestId, (string?)(await connection.ReceiveAsync(FrameTypes.ChatMessage))["requestId"]);
    }

    [Fact]
    public async Task Send_BehindOneRefusedForGood_NoLongerWaitsForIt()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        var a = client.Send(Channel, "a");
        var b = client.Send(Channel, "b");
        var c = client.Send(Channel, "c");
        for (var i = 0; i < 3; i++) await connection.ReceiveAsync(FrameTypes.ChatMessage);
        await connection.SendAsync(FrameTypes.Error, new { code = "too_large", message = "no" }, b.RequestId);
        await connection.SendAsync(FrameTypes.Error, new { code = "retry", message = "who is b?", retryAfter = 1 }, c.RequestId);
        var again = await connection.ReceiveAsync(FrameTypes.ChatMessage);
        Assert.Equal(c.RequestId, (string?)again["requestId"]);
        Assert.Equal(a.RequestId, (string?)again["payload"]!["afterRequest"]);
        await connection.SendAsync(FrameTypes.MessageAck, new { messageId = Id(1), channelId = Channel, status = "accepted" }, a.RequestId);
        await connection.SendAsync(FrameTypes.MessageAck, new { messageId = Id(2), channelId = Channel, status = "accepted" }, c.RequestId);
        await c.Outcome.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(["a", "c"], client.Timeline(Channel).Snapshot().Select(m => m.Content));
    }

    [Fact]
    public async Task Send_BehindOneThatWasAccepted_NoLongerNamesIt()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptSyncedAsync();
        var a = client.Send(Channel, "a");
        var b = client.Send(Channel, "b");
        await first.ReceiveAsync(FrameTypes.ChatMessage);
        await first.ReceiveAsync(FrameTypes.ChatMessage);
        await first.SendAsync(FrameTypes.MessageAck, new { messageId = Id(1), channelId = Channel, status = "accepted" }, a.RequestId);
        await a.Outcome.WaitAsync(TimeSpan.FromSeconds(30));
        first.Abort();
        // The server remembers requests for a day only: after a longer absence it would wait for one that it has forgotten.
        var second = await server.AcceptSyncedAsync();
        var again = await second.ReceiveAsync(FrameTypes.ChatMessage);
        Assert.Equal(b.RequestId, (string?)again["requestId"]);
        Assert.Null(again["payload"]!["afterRequest"]);
    }

    [Fact]
    public async Task Send_OwnMessageComesInBeforeItsAck_IsAcceptedOnce()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        var send = client.Send(Channel, "hello");
        await connection.ReceiveAsync(FrameTypes.ChatMessage);
        await connection.SendMessageAsync(Channel, Id(1), "hello", "1.0.1", User, send.RequestId);
        Assert.True((await events.NextAsync<SendAccepted>()).New);
        await connection.SendAsync(FrameTypes.MessageAck, new { messageId = Id(1), channelId = Channel, status = "accepted" }, send.RequestId);
        await connection.SendMessageAsync(Channel, Id(2), "next", "1.0.2");
        Assert.Equal(Id(2), (await events.NextAsync<MessageReceived>()).Message.MessageId);
        Assert.Equal(2, client.Timeline(Channel).Count);
    }

    [Fact]
    public async Task Send_RequestIdOfAnAcceptedSend_GetsItsAnswerOrConflict()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        var send = client.Send(Channel, "hello", requestId: "mine");
        await connection.ReceiveAsync(FrameTypes.ChatMessage);
        await connection.SendMessageAsync(Channel, Id(1), "hello", "1.0.1", User, "mine"); // Comes in before its ack does.
        await send.Outcome.WaitAsync(TimeSpan.FromSeconds(30));
        var again = client.Send(Channel, "hello", requestId: "mine");
        var other = client.Send(Channel, "something else", requestId: "mine");
        await connection.SendAsync(FrameTypes.MessageAck, new { messageId = Id(1), channelId = Channel, status = "accepted" }, "mine");
        Assert.Equal(Id(1), (await again.Outcome.WaitAsync(TimeSpan.FromSeconds(30))).MessageId);
        Assert.Equal(ErrorCodes.Conflict, (await other.Outcome.WaitAsync(TimeSpan.FromSeconds(30))).ErrorCode);
        Assert.Equal(["hello"], client.Timeline(Channel).Snapshot().Select(m => m.Content));
    }

    [Fact]
    public async Task Send_OutboxFull_Throws()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { MaxOutbox = 2 });
        client.Send(Channel, "a");
        client.Send(Channel, "b");
        Assert.Throws<OutboxFullException>(() => client.Send(Channel, "c"));
    }

    [Fact]
    public async Task Send_MoreThanMayBeInFlight_WaitsForRoom()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { MaxInFlight = 2 });
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        var sends = Enumerable.Range(0, 4).Select(i => client.Send(Channel, $"{i}")).ToArray();
        await connection.ReceiveAsync(FrameTypes.ChatMessage);
        await connection.ReceiveAsync(FrameTypes.ChatMessage);
        Assert.Equal(2, client.InFlight);
        await connection.SendAsync(FrameTypes.MessageAck, new { messageId = Id(1), channelId = Channel, status = "accepted" }, sends[0].RequestId);
        Assert.Equal(sends[2].RequestId, (string?)(await connection.ReceiveAsync(FrameTypes.ChatMessage))["requestId"]);
    }

    [Fact]
    public async Task Dispose_WithUnansweredSends_CancelsThem()
    {
        await using var server = await ScriptedServer.StartAsync();
        var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        await server.AcceptSyncedAsync();
        var send = client.Send(Channel, "hello");
        await client.DisposeAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => send.Outcome);
    }
}
