using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Chat.Cells.Http.Tests;

public sealed class TcpKeepAliveTests
{
    [Fact]
    public async Task Connect_ProbesAsSaid()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var answering = AnswerAsync(listener, limit.Token);
        var options = new List<int>();
        using var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = TcpKeepAlive.Connect(TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(3), 4),
            PlaintextStreamFilter = (context, _) =>
            {
                var socket = Assert.IsType<NetworkStream>(context.PlaintextStream).Socket;
                options.Add((int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!);
                foreach (var name in new[] { SocketOptionName.TcpKeepAliveTime, SocketOptionName.TcpKeepAliveInterval, SocketOptionName.TcpKeepAliveRetryCount })
                    options.Add((int)socket.GetSocketOption(SocketOptionLevel.Tcp, name)!);
                return ValueTask.FromResult(context.PlaintextStream);
            },
        });
        using var answer = await http.GetAsync(new Uri($"http://{listener.LocalEndpoint}/"), limit.Token);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal([1, 7, 3, 4], options);
        await answering;
    }

    [Fact]
    public async Task Connect_NobodyListens_EndsInHttpRequestException()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var nobody = new Uri($"http://{listener.LocalEndpoint}/");
        listener.Stop();
        using var http = new HttpClient(new SocketsHttpHandler { ConnectCallback = TcpKeepAlive.Connect(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(3), 3) });
        var e = await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(nobody));
        Assert.Equal(HttpRequestError.ConnectionError, e.HttpRequestError);
    }

    private static async Task AnswerAsync(TcpListener listener, CancellationToken cancellationToken)
    {
        using var client = await listener.AcceptTcpClientAsync(cancellationToken);
        var stream = client.GetStream();
        var buffer = new byte[4096];
        var text = new StringBuilder();
        while (!text.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
            text.Append(Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer, cancellationToken)));
        await stream.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n"u8.ToArray(), cancellationToken);
    }
}
