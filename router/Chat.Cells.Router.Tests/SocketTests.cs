using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

namespace Chat.Cells.Router.Tests;

public sealed class SocketTests : IAsyncLifetime
{
    private static readonly string Anna = RouterCluster.UserOf("eu-west-1");
    private static readonly string Bob = RouterCluster.UserOf("us-east-1");

    private RouterCluster cluster = null!;

    public async Task InitializeAsync() => cluster = await RouterCluster.StartAsync();

    public async Task DisposeAsync() => await cluster.DisposeAsync();

    [Fact]
    public async Task Connect_WithTokenOrTicket_ReachesTheHome()
    {
        using var byToken = await cluster.ConnectAsync(cluster.TokenOf(Bob));
        Assert.Equal("hello", await SayAsync(byToken, "hello"));
        Assert.Equal("chat.cells.v1", byToken.SubProtocol);
        using var byTicket = await cluster.ConnectAsync(ticket: $"{Anna}.secret");
        Assert.Equal("hello", await SayAsync(byTicket, "hello"));
        Assert.Equal("chat.cells.v1", byTicket.SubProtocol);
        Assert.Equal((1, 1), (cluster.Cells["eu-west-1"].OpenSockets, cluster.Cells["us-east-1"].OpenSockets));
        Assert.Contains($"ticket.{Anna}.secret", cluster.Cells["eu-west-1"].Requests.Single().Headers["Sec-WebSocket-Protocol"]);
    }

    [Fact]
    public async Task Connect_WithoutCredentials_IsRefused()
    {
        Assert.Equal(401, (await Assert.ThrowsAsync<RefusedSocketException>(() => cluster.ConnectAsync())).Status);
        Assert.Equal(401, (await Assert.ThrowsAsync<RefusedSocketException>(() => cluster.ConnectAsync("a.b.c"))).Status);
        Assert.Equal(401, (await Assert.ThrowsAsync<RefusedSocketException>(() => cluster.ConnectAsync(ticket: "nobody.secret"))).Status);
        // A ticket doesn't save a bad token.
        Assert.Equal(401, (await Assert.ThrowsAsync<RefusedSocketException>(() => cluster.ConnectAsync("a.b.c", ticket: $"{Anna}.secret"))).Status);
        Assert.Equal(503, (await Assert.ThrowsAsync<RefusedSocketException>(() => cluster.ConnectAsync(ticket: $"{RouterCluster.UserOf("mars-1")}.secret"))).Status);
        Assert.Equal(403, (await Assert.ThrowsAsync<RefusedSocketException>(() => cluster.ConnectAsync(cluster.TokenOf(Anna), origin: "https://evil.example"))).Status);
    }

    [Theory]
    [InlineData(1000, "bye")]
    [InlineData(4001, "")]
    [InlineData(4008, "too slow")]
    [InlineData(4010, "us-east-1")]
    [InlineData(4013, "1500")]
    public async Task Close_ByTheCell_ReachesTheClient(int code, string reason)
    {
        using var socket = await cluster.ConnectAsync(cluster.TokenOf(Anna));
        await SendAsync(socket, $"close:{code}:{reason}");
        var received = await ReceiveAsync(socket);
        Assert.Equal(WebSocketMessageType.Close, received.Type);
        Assert.Equal((code, reason), ((int)socket.CloseStatus!.Value, socket.CloseStatusDescription));
        await socket.CloseOutputAsync(socket.CloseStatus.Value, null, CancellationToken.None);
    }

    [Fact]
    public async Task Close_ByTheClient_ReachesTheCell()
    {
        using var socket = await cluster.ConnectAsync(cluster.TokenOf(Anna));
        using var limit = new CancellationTokenSource(RouterCluster.Patience);
        await socket.CloseAsync((WebSocketCloseStatus)4321, "enough", limit.Token);
        Assert.Equal((4321, "enough"), ((int)socket.CloseStatus!.Value, socket.CloseStatusDescription));
        var cell = cluster.Cells["eu-west-1"];
        await Poll.UntilAsync(() => !cell.Ended.IsEmpty);
        Assert.True(cell.Ended.TryDequeue(out var ended));
        Assert.Equal((4321, "enough"), ((int)ended.Status!.Value, ended.Reason));
    }

    [Theory]
    [InlineData("abort")]
    [InlineData("fin")]
    public async Task Cell_DiesMidSocket_ClientSeesAnAbnormalEndSoon(string how)
    {
        using var socket = await cluster.ConnectAsync(cluster.TokenOf(Anna));
        Assert.Equal("x", await SayAsync(socket, "x"));
        await SendAsync(socket, how);
        var failure = await Assert.ThrowsAsync<WebSocketException>(() => ReceiveAsync(socket));
        Assert.Equal(WebSocketError.ConnectionClosedPrematurely, failure.WebSocketErrorCode);
        Assert.Null(socket.CloseStatus);
    }

    [Fact]
    public async Task Cell_StoppedMidSocket_ClientSeesAnAbnormalEndSoon()
    {
        using var socket = await cluster.ConnectAsync(cluster.TokenOf(Anna));
        Assert.Equal("x", await SayAsync(socket, "x"));
        await cluster.Cells["eu-west-1"].StopAsync();
        await Assert.ThrowsAsync<WebSocketException>(() => ReceiveAsync(socket));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Client_Vanishes_CellSeesItSoon(bool reset)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.0.1", cluster.Router.PublicUrl.Port);
        var handshake = $"GET /v1/ws HTTP/1.1\r\nHost: {cluster.Router.PublicUrl.Authority}\r\nAuthorization: Bearer {cluster.TokenOf(Anna)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        await tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes(handshake));
        var cell = cluster.Cells["eu-west-1"];
        await Poll.UntilAsync(() => cell.OpenSockets == 1);
        if (reset) tcp.Client.LingerState = new LingerOption(true, 0);
        tcp.Close();
        await Poll.UntilAsync(() => cell.OpenSockets == 0);
    }

    [Fact]
    public async Task Frames_OfTheLargestSize_PassBothWays()
    {
        using var socket = await cluster.ConnectAsync(cluster.TokenOf(Anna));
        await SendAsync(socket, $"big:{4_000_000}");
        var expected = new byte[4_000_000];
        new Random(1).NextBytes(expected);
        Assert.True((await ReceiveAsync(socket)).Bytes.SequenceEqual(expected));

        using var limit = new CancellationTokenSource(RouterCluster.Patience);
        var echo = ReceiveAsync(socket);
        await socket.SendAsync(expected.AsMemory(0, 1_300_000), WebSocketMessageType.Binary, endOfMessage: true, limit.Token);
        Assert.True((await echo).Bytes.AsSpan().SequenceEqual(expected.AsSpan(0, 1_300_000)));
    }

    [Fact]
    public async Task Socket_LongerSilentThanARequestMayTake_StaysOpen()
    {
        await using var strict = await RouterCluster.StartAsync(o => o with { ResponseTimeout = TimeSpan.FromSeconds(3) });
        using var socket = await strict.ConnectAsync(strict.TokenOf(Anna));
        await Task.Delay(TimeSpan.FromSeconds(5));
        Assert.Equal("still here", await SayAsync(socket, "still here"));
    }

    [Fact]
    public async Task Map_Changes_LeaveOpenSocketsAlone()
    {
        using var socket = await cluster.ConnectAsync(cluster.TokenOf(Anna));
        var version = cluster.WriteMap(c => c.Name == "eu-west-2" ? c with { Successor = "us-east-1" } : c, include: n => n != "eu-west-1");
        await Poll.UntilAsync(async () => await cluster.MapVersionAsync() == version);
        Assert.Equal("still here", await SayAsync(socket, "still here"));
        Assert.Equal(503, (await Assert.ThrowsAsync<RefusedSocketException>(() => cluster.ConnectAsync(cluster.TokenOf(Anna)))).Status);
    }

    [Fact]
    public async Task Shutdown_EndsSocketsWithinTheDrainTime()
    {
        using var socket = await cluster.ConnectAsync(cluster.TokenOf(Anna));
        Assert.Equal("x", await SayAsync(socket, "x"));
        var stop = cluster.Router.StopAsync(CancellationToken.None);
        await Assert.ThrowsAsync<WebSocketException>(() => ReceiveAsync(socket));
        await stop.WaitAsync(RouterCluster.Patience);
    }

    [Fact]
    public async Task Sockets_AThousandAtOnce_AllWork()
    {
        var sockets = new List<ClientWebSocket>();
        try
        {
            foreach (var chunk in Enumerable.Range(0, 1_000).Chunk(50))
                sockets.AddRange(await Task.WhenAll(chunk.Select(i => cluster.ConnectAsync(ticket: $"{(i % 2 == 0 ? Anna : Bob)}.secret"))));
            var echoes = await Task.WhenAll(sockets.Select((s, i) => SayAsync(s, $"message {i}")));
            Assert.Equal(Enumerable.Range(0, 1_000).Select(i => $"message {i}"), echoes);
            // A client may be connected before its cell has counted it; whom it has answered it has counted.
            Assert.Equal((500, 500), (cluster.Cells["eu-west-1"].OpenSockets, cluster.Cells["us-east-1"].OpenSockets));
        }
        finally
        {
            foreach (var socket in sockets) socket.Dispose();
        }
    }

    private static async Task SendAsync(WebSocket socket, string text)
    {
        using var limit = new CancellationTokenSource(RouterCluster.Patience);
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
    }

    private static async Task<(WebSocketMessageType Type, byte[] Bytes)> ReceiveAsync(WebSocket socket)
    {
        using var limit = new CancellationTokenSource(RouterCluster.Patience);
        using var all = new MemoryStream();
        var buffer = new byte[1 << 14];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer, limit.Token);
            await all.WriteAsync(buffer.AsMemory(0, received.Count), limit.Token);
            if (received.EndOfMessage) return (received.MessageType, all.ToArray());
        }
    }

    private static async Task<string> SayAsync(WebSocket socket, string text)
    {
        await SendAsync(socket, text);
        return Encoding.UTF8.GetString((await ReceiveAsync(socket)).Bytes);
    }
}
