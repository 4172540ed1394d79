using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Connections;

/// <summary>A client that knows nothing: frames as they are.</summary>
internal sealed class TestSocket(WebSocket socket) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);
    private readonly Queue<JsonObject> passedOver = new();

    public WebSocket Socket => socket;

    public static async Task<TestSocket> ConnectAsync(Uri cell, string? token, string? origin = null, params string[] protocols)
    {
        var client = new ClientWebSocket();
        foreach (var protocol in protocols.Length > 0 ? protocols : ["chat.cells.v1"]) client.Options.AddSubProtocol(protocol);
        if (token is not null) client.Options.SetRequestHeader("Authorization", "Bearer " + token);
        if (origin is not null) client.Options.SetRequestHeader("Origin", origin);
        client.Options.CollectHttpResponseDetails = true;
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            await client.ConnectAsync(AddressOf(cell), limit.Token);
        }
        catch (WebSocketException e)
        {
            throw new RefusedException((int)client.HttpStatusCode, e);
        }
        return new TestSocket(client);
    }

    public static Uri AddressOf(Uri cell) => new($"ws://{cell.Authority}/v1/ws");

    public Task SendAsync(string type, object payload, string? requestId = null) => SendTextAsync(Frame(type, payload, requestId));

    public static string Frame(string type, object payload, string? requestId = null)
    {
        var frame = new JsonObject { ["type"] = type, ["payload"] = System.Text.Json.JsonSerializer.SerializeToNode(payload), ["timestamp"] = 0 };
        if (requestId is not null) frame["requestId"] = requestId;
        return frame.ToJsonString();
    }

    public Task MessageAsync(string channelId, string content, string requestId, string? after = null, string? afterRequest = null) =>
        SendAsync("chat_message", new { channelId, content, contentType = "text", after, afterRequest }, requestId);

    public Task SendTextAsync(string text) => SendBytesAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text);

    public async Task SendBytesAsync(byte[] bytes, WebSocketMessageType type)
    {
        using var limit = new CancellationTokenSource(Patience);
        await socket.SendAsync(bytes, type, endOfMessage: true, limit.Token);
    }

    /// <summary>The next frame of a type (and of a requestId); others are kept for later calls.</summary>
    public Task<JsonObject> ReceiveAsync(string type, string? requestId = null) =>
        ReceiveAsync(frame => (string)frame["type"]! == type && (requestId is null || (string?)frame["requestId"] == requestId), type);

    /// <summary>Sends a message until it is acked: where a test makes the server's patience with its judge short, a busy machine is told to try again, and a client does.</summary>
    public async Task<JsonObject> AckedAsync(string channelId, string content, string requestId)
    {
        for (var i = 0; i < 60; i++)
        {
            await MessageAsync(channelId, content, requestId);
            var answer = await ReceiveAsync(frame => (string)frame["type"]! is "message_ack" or "error" && (string?)frame["requestId"] == requestId, "an answer");
            var payload = answer["payload"]!.AsObject();
            if ((string)answer["type"]! == "message_ack") return payload;
            Assert.Equal(ErrorCodes.Retry, (string)payload["code"]!);
        }
        throw new InvalidOperationException($"{requestId} is never acked.");
    }

    /// <summary>The payload of the next frame of a type.</summary>
    public async Task<JsonObject> PayloadAsync(string type, string? requestId = null) => (await ReceiveAsync(type, requestId))["payload"]!.AsObject();

    /// <summary>The code and reason of the close; frames before it are passed over.</summary>
    public async Task<(int Code, string? Reason)> ClosedAsync()
    {
        while (await NextAsync() is { } frame) passedOver.Enqueue(frame);
        return ((int)socket.CloseStatus!, socket.CloseStatusDescription);
    }

    /// <summary>Everything that came and wasn't asked for, of a type.</summary>
    public IReadOnlyList<JsonObject> Kept(string type) => [.. passedOver.Where(f => (string)f["type"]! == type)];

    /// <summary>Everything that has come by the time that a heartbeat is answered.</summary>
    public async Task SettleAsync()
    {
        await SendAsync("heartbeat", new { });
        await ReceiveAsync("heartbeat");
    }

    /// <summary>The next frame; null after a close.</summary>
    public async Task<JsonObject?> NextAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        var buffer = new ArrayBufferWriter<byte>(4096);
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer.GetMemory(4096), limit.Token);
            if (result.MessageType == WebSocketMessageType.Close) return null;
            buffer.Advance(result.Count);
            if (result.EndOfMessage) return JsonNode.Parse(buffer.WrittenSpan)!.AsObject();
        }
    }

    public ValueTask DisposeAsync()
    {
        socket.Abort();
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>The next frame that fits; others are kept for later calls.</summary>
    public async Task<JsonObject> ReceiveAsync(Func<JsonObject, bool> fits, string what)
    {
        for (var i = passedOver.Count; i > 0; i--)
        {
            var kept = passedOver.Dequeue();
            if (fits(kept)) return kept;
            passedOver.Enqueue(kept);
        }
        while (true)
        {
            var frame = await NextAsync() ?? throw new InvalidOperationException($"closed with {(int?)socket.CloseStatus} {socket.CloseStatusDescription} while waiting for {what}");
            if (fits(frame)) return frame;
            passedOver.Enqueue(frame);
        }
    }
}

/// <summary>The upgrade was refused.</summary>
internal sealed class RefusedException(int status, Exception inner) : Exception($"HTTP {status}", inner)
{
    public int Status => status;
}
