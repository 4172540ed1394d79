using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Chat.Cells.Client.Tests.Servers;

/// <summary>The server's end of one socket.</summary>
internal sealed class ScriptedConnection(WebSocket socket, HttpContext context)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private readonly Channel<JsonObject> frames = System.Threading.Channels.Channel.CreateUnbounded<JsonObject>();
    private readonly SemaphoreSlim sending = new(1, 1);

    public string? Authorization { get; } = context.Request.Headers.Authorization;

    /// <summary>The next frame that is not a heartbeat or a <c>delivered</c> (unless that is asked for).</summary>
    public async Task<JsonObject> ReceiveAsync(string type)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            var frame = await frames.Reader.ReadAsync(timeout.Token);
            var actual = (string?)frame["type"];
            if (actual == type) return frame;
            if (actual is "heartbeat" or "delivered") continue;
            throw new InvalidOperationException($"Expected {type}, got {frame.ToJsonString()}");
        }
    }

    /// <summary>The next frame, whatever it is.</summary>
    public async Task<JsonObject> NextAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return await frames.Reader.ReadAsync(timeout.Token);
    }

    /// <summary>True when the client has closed or gone.</summary>
    public async Task<bool> EndsAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await frames.Reader.WaitToReadAsync(timeout.Token))
        {
            while (frames.Reader.TryRead(out _))
            {
            }
        }
        return true;
    }

    public Task SendAsync(string type, object payload, string? requestId = null) =>
        SendRawAsync(JsonSerializer.Serialize(new { type, payload, timestamp = 1L, requestId }, Json));

    public Task SendMessageAsync(string channelId, string messageId, string content, string cursor, string sender = "eu.other", string? requestId = null) =>
        SendAsync("new_message", new { channelId, messageId, sender, contentType = "text", content, channelVersion = 1, cursor, requestId });

    public async Task SendRawAsync(string text, WebSocketMessageType type = WebSocketMessageType.Text)
    {
        await sending.WaitAsync();
        try
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(text), type, endOfMessage: true, CancellationToken.None);
        }
        catch (Exception e) when (e is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException or ConnectionAbortedException)
        {
            frames.Writer.TryComplete(); // The client has gone, as some tests want.
        }
        finally
        {
            sending.Release();
        }
    }

    public async Task CloseAsync(int code, string? reason) => await socket.CloseOutputAsync((WebSocketCloseStatus)code, reason, CancellationToken.None);

    /// <summary>Ends the connection as a crash does.</summary>
    public void Abort() => context.Abort();

    public async Task ReadAllAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[2 * 1024 * 1024];
        try
        {
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult result;
                do
                {
                    result = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                    length += result.Count;
                }
                while (!result.EndOfMessage);
                if (result.MessageType == WebSocketMessageType.Close) break;
                frames.Writer.TryWrite(JsonNode.Parse(buffer.AsSpan(0, length))!.AsObject());
            }
        }
        catch (Exception e) when (e is WebSocketException or IOException or OperationCanceledException or ConnectionAbortedException)
        {
            frames.Writer.TryComplete();
        }
        frames.Writer.TryComplete();
    }
}
