using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

namespace Chat.Cells.Cell.Tests.Connections;

/// <summary>An HTTP client that sends what it is told, as it is told to.</summary>
internal sealed class RawHttp : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TcpClient tcp = new() { NoDelay = true };

    public static async Task<RawHttp> ConnectAsync(Uri server)
    {
        var client = new RawHttp();
        await client.tcp.ConnectAsync(server.Host, server.Port);
        return client;
    }

    /// <summary>The head of an upgrade. Null leaves a header out.</summary>
    public static string Upgrade(
        Uri cell, string? token, string method = "GET", string target = "/v1/ws", string version = "HTTP/1.1", string? key = "AAECAwQFBgcICQoLDA0ODw==", string? socketVersion = "13", string more = "") =>
        $"{method} {target} {version}\r\nHost: {cell.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{Line("Sec-WebSocket-Version", socketVersion)}{Line("Sec-WebSocket-Key", key)}"
        + $"Sec-WebSocket-Protocol: chat.cells.v1\r\n{Line("Authorization", token is null ? null : "Bearer " + token)}{more}\r\n";

    public static byte[] Frame(string text)
    {
        using var bytes = new MemoryStream();
        RawSocket.WriteFrame(bytes, Encoding.UTF8.GetBytes(text));
        return bytes.ToArray();
    }

    public Task SendAsync(string text) => SendAsync(Encoding.ASCII.GetBytes(text));

    public async Task SendAsync(byte[] bytes) => await tcp.GetStream().WriteAsync(bytes);

    /// <summary>The status of the next answer, whose head is read and whose body is left; 0 when there is none.</summary>
    public async Task<(int Status, string Head)> AnswerAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await tcp.GetStream().ReadAsync(one, limit.Token) == 0) return (0, head.ToString());
            head.Append((char)one[0]);
        }
        return (int.Parse(head.ToString().Split(' ')[1]), head.ToString());
    }

    /// <summary>The body of the last answer, with the chunks' lengths where it is chunked.</summary>
    public async Task<string> BodyAsync(string head)
    {
        using var limit = new CancellationTokenSource(Patience);
        var length = head.Split("\r\n").SingleOrDefault(l => l.StartsWith("Content-Length: ", StringComparison.OrdinalIgnoreCase))?["Content-Length: ".Length..];
        var left = length is null ? int.MaxValue : int.Parse(length);
        var body = new StringBuilder();
        var one = new byte[1];
        while (left-- > 0 && !(length is null && body.ToString().EndsWith("0\r\n\r\n", StringComparison.Ordinal)))
        {
            await tcp.GetStream().ReadExactlyAsync(one, limit.Token);
            body.Append((char)one[0]);
        }
        return body.ToString();
    }

    /// <summary>The socket after a 101.</summary>
    public TestSocket Socket() => new(WebSocket.CreateFromStream(tcp.GetStream(), new WebSocketCreationOptions { IsServer = false }));

    /// <summary>Ends the connection by a reset.</summary>
    public void Reset()
    {
        tcp.LingerState = new LingerOption(true, 0);
        tcp.Client.Close();
    }

    public ValueTask DisposeAsync()
    {
        tcp.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Line(string name, string? value) => value is null ? "" : $"{name}: {value}\r\n";
}
