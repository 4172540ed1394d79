using System.Net.WebSockets;
using System.Text;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Connections;

public sealed class BadFrameTests : IAsyncLifetime
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

    [Theory]
    [InlineData("hello", "bad_request")]
    [InlineData("", "bad_request")]
    [InlineData("[]", "bad_request")]
    [InlineData("{", "bad_request")]
    [InlineData("{}", "bad_request")]
    [InlineData("{\"type\":1}", "bad_request")]
    [InlineData("{\"type\":\"heartbeat\"} {}", "bad_request")]
    [InlineData("{\"type\":\"dance\",\"payload\":{}}", "unknown_type")]
    [InlineData("{\"type\":\"chat_message\",\"payload\":{}}", "bad_request")]
    [InlineData("{\"type\":\"chat_message\",\"payload\":{\"channelId\":\"x\",\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"chat_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"content\":\"\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"chat_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"content\":\"\\ud800\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"chat_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"content\":\"a\",\"after\":\"x\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"chat_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"content\":\"a\",\"contentType\":\"html\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"chat_message\",\"payload\":{},\"requestId\":\"with space\"}", "bad_request")]
    [InlineData("{\"type\":\"chat_message\",\"payload\":{},\"requestId\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":null,\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":\"a\"}}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"x\",\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":\"x\",\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":7,\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":7,\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"delete_message\",\"payload\":{},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"delete_message\",\"payload\":null,\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"delete_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":\"a\"}}", "bad_request")]
    [InlineData("{\"type\":\"delete_message\",\"payload\":{\"channelId\":\"x\",\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"delete_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"delete_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":\"x\",\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"delete_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":7,\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"delete_message\",\"payload\":{\"channelId\":7,\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":\"a\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":\"\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":7},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":\"\\ud800\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"edit_message\",\"payload\":{\"channelId\":\"d.396TN2R7RMZMN5E9BH2AFEN9WN\",\"messageId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"content\":\"a\",\"contentType\":\"html\"},\"requestId\":\"r\"}", "bad_request")]
    [InlineData("{\"type\":\"delivered\",\"payload\":{\"cursor\":\"nonsense\"}}", "bad_request")]
    [InlineData("{\"type\":\"read_receipt\",\"payload\":{\"channelId\":\"x\"}}", "bad_request")]
    [InlineData("{\"type\":\"sync\",\"payload\":{\"cursor\":null}}", "bad_request")]
    public async Task Frame_ThatMakesNoSense_GetsAnErrorAndTheSocketStaysOpen(string frame, string code)
    {
        await using var socket = await cell.ConnectAsync(anna);
        await socket.SendTextAsync(frame);
        Assert.Equal(code, (string)(await socket.PayloadAsync("error"))["code"]!);
        await socket.SettleAsync();
    }

    [Fact]
    public async Task Frame_NestedTooDeep_GetsBadRequest()
    {
        await using var socket = await cell.ConnectAsync(anna);
        await socket.SendTextAsync("{\"type\":\"heartbeat\",\"payload\":{\"a\":" + new string('[', 200) + new string(']', 200) + "}}");
        Assert.Equal(ErrorCodes.BadRequest, (string)(await socket.PayloadAsync("error"))["code"]!);
        await socket.SettleAsync();
    }

    [Fact]
    public async Task Frame_BeforeSync_GetsBadRequestAndNothingLiveComes()
    {
        await using var early = await cell.OpenAsync(bob);
        await early.MessageAsync(channel, "too early", "r1");
        Assert.Equal("r1", (string)(await early.ReceiveAsync("error"))["requestId"]!);
        await using var socket = await cell.ConnectAsync(anna);
        await socket.MessageAsync(channel, "hello", "r1");
        await socket.ReceiveAsync("new_message");
        await early.SettleAsync();
        Assert.Empty(early.Kept("new_message"));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("\U0001F600")]
    public async Task Text_OfExactlyTheLimit_IsDeliveredWhole(string character)
    {
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        var text = string.Concat(Enumerable.Repeat(character, ProtocolLimits.MaxTextCodePoints));
        await sender.MessageAsync(channel, text, "r1"); // escapes every emoji as \uXXXX\uXXXX: the largest frame
        await sender.ReceiveAsync("message_ack", "r1");
        Assert.Equal(text, (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    [Fact]
    public async Task Text_OneCodePointOverTheLimit_GetsTooLargeAndTheSocketStaysOpen()
    {
        await using var socket = await cell.ConnectAsync(anna);
        await socket.MessageAsync(channel, new string('x', ProtocolLimits.MaxTextCodePoints + 1), "r1");
        Assert.Equal(ErrorCodes.TooLarge, (string)(await socket.PayloadAsync("error", "r1"))["code"]!);
        await socket.MessageAsync(channel, "fits", "r2");
        await socket.ReceiveAsync("message_ack", "r2");
    }

    [Fact]
    public async Task Edit_OfTheLimitAndOneMore_IsTakenAndTooLarge()
    {
        await using var socket = await cell.ConnectAsync(anna);
        await socket.MessageAsync(channel, "short", "m1");
        var messageId = (string)(await socket.PayloadAsync("message_ack", "m1"))["messageId"]!;
        await socket.SendAsync("edit_message", new { channelId = channel, messageId, content = new string('x', ProtocolLimits.MaxTextCodePoints + 1) }, "e1");
        Assert.Equal(ErrorCodes.TooLarge, (string)(await socket.PayloadAsync("error", "e1"))["code"]!);
        await socket.SendAsync("edit_message", new { channelId = channel, messageId, content = new string('x', ProtocolLimits.MaxTextCodePoints) }, "e2");
        Assert.Equal(ProtocolLimits.MaxTextCodePoints, ((string)(await socket.PayloadAsync("message_changed"))["content"]!).Length);
    }

    [Fact]
    public async Task Frame_OverTheLimit_GetsTooLargeAndClose1009()
    {
        await using var socket = await cell.ConnectAsync(anna);
        await socket.SendTextAsync("{\"type\":\"heartbeat\",\"payload\":{\"a\":\"" + new string('x', ProtocolLimits.MaxFrameBytes) + "\"}}");
        Assert.Equal(ErrorCodes.TooLarge, (string)(await socket.PayloadAsync("error"))["code"]!);
        Assert.Equal(1009, (await socket.ClosedAsync()).Code);
    }

    [Fact]
    public async Task Frame_Binary_Closes1003()
    {
        await using var socket = await cell.ConnectAsync(anna);
        await socket.SendBytesAsync([1, 2, 3], WebSocketMessageType.Binary);
        Assert.Equal(1003, (await socket.ClosedAsync()).Code);
    }

    [Fact]
    public async Task Frame_InvalidUtf8_Closes1007()
    {
        await using var socket = await cell.ConnectAsync(anna);
        await socket.SendBytesAsync([.. "{\"type\":\""u8, 0xC3, 0x28, .. "\"}"u8], WebSocketMessageType.Text);
        Assert.Equal(1007, (await socket.ClosedAsync()).Code);
    }

    [Fact]
    public async Task Frames_AThousandInOneWrite_AreHandledInOrder()
    {
        await using var raw = await RawSocket.ConnectAsync(cell.Public, anna.Token);
        await raw.WriteAsync([TestSocket.Frame("sync", new { })]);
        await raw.Socket.ReceiveAsync("sync_reset");
        // Most of them wrong: each must be answered, in order, by its own requestId.
        await raw.WriteAsync(Enumerable.Range(0, 1_000).Select(i => TestSocket.Frame("dance", new { }, "r" + i)));
        for (var i = 0; i < 1_000; i++) Assert.Equal("r" + i, (string)(await raw.Socket.ReceiveAsync("error"))["requestId"]!);
    }

    [Fact]
    public async Task Messages_ManyInOneWrite_KeepTheirOrder()
    {
        await using var raw = await RawSocket.ConnectAsync(cell.Public, anna.Token);
        await using var receiver = await cell.ConnectAsync(bob);
        await raw.WriteAsync([TestSocket.Frame("sync", new { })]);
        await raw.WriteAsync(Enumerable.Range(0, 200).Select(i =>
            TestSocket.Frame("chat_message", new { channelId = channel, content = i.ToString(), contentType = "text", afterRequest = i == 0 ? null : "m" + (i - 1) }, "m" + i)));
        string? last = null;
        for (var i = 0; i < 200; i++)
        {
            var message = await receiver.PayloadAsync("new_message");
            Assert.Equal(i.ToString(), (string)message["content"]!);
            var id = (string)message["messageId"]!;
            Assert.True(string.CompareOrdinal(id, last) > 0);
            last = id;
        }
    }

    [Fact]
    public async Task Frames_InFragments_AreOneFrame()
    {
        await using var socket = await cell.ConnectAsync(anna);
        var bytes = Encoding.UTF8.GetBytes(TestSocket.Frame("dance", new { }, "r1"));
        await socket.Socket.SendAsync(bytes.AsMemory(0, 10), WebSocketMessageType.Text, endOfMessage: false, CancellationToken.None);
        await socket.Socket.SendAsync(bytes.AsMemory(10), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        await socket.ReceiveAsync("error", "r1");
    }
}
