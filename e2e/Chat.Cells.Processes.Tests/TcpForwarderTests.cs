using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Chat.Cells.Processes.Tests;

public sealed class TcpForwarderTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource limit = new(Patience);
    private readonly NamedServer first = new("first");
    private readonly NamedServer second = new("second");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var server in new[] { first, second })
        {
            await server.StopAsync();
            server.Dispose();
        }
        limit.Dispose();
    }

    [Fact]
    public async Task Connections_GoToOneServerAfterTheOther()
    {
        await using var forwarder = TcpForwarder.Start([first.EndPoint, second.EndPoint]);
        var answers = new List<string>();
        for (var i = 0; i < 6; i++) answers.Add(await AskAsync(forwarder, "who"));

        Assert.Equal((3, 3), (answers.Count(a => a == "first:who"), answers.Count(a => a == "second:who")));
    }

    [Fact]
    public async Task Server_ThatIsNotThere_IsPassedOver()
    {
        await second.StopAsync();
        await using var forwarder = TcpForwarder.Start([first.EndPoint, second.EndPoint]);

        for (var i = 0; i < 4; i++) Assert.Equal("first:who", await AskAsync(forwarder, "who"));
    }

    [Fact]
    public async Task NoServer_ClosesTheConnection()
    {
        await first.StopAsync();
        await using var forwarder = TcpForwarder.Start([first.EndPoint]);

        Assert.Equal("", await AskAsync(forwarder, "who"));
    }

    [Fact]
    public async Task Server_ThatDies_EndsItsConnections()
    {
        await using var forwarder = TcpForwarder.Start([first.EndPoint]);
        using var client = new TcpClient();
        await client.ConnectAsync(forwarder.EndPoint, limit.Token);
        await client.Client.SendAsync("x"u8.ToArray(), limit.Token);
        var buffer = new byte[100];
        Assert.True(await client.Client.ReceiveAsync(buffer, limit.Token) > 0);

        await first.StopAsync();

        while (await ReadOrResetAsync(client.Client, buffer) > 0) Assert.False(limit.IsCancellationRequested);
    }

    [Fact]
    public async Task ManyBytes_ComeBackAsTheyWere()
    {
        await using var forwarder = TcpForwarder.Start([first.EndPoint]);
        var text = new string('y', 300_000);

        Assert.Equal("first:" + text, await AskAsync(forwarder, text));
    }

    private async Task<int> ReadOrResetAsync(Socket socket, byte[] buffer)
    {
        try
        {
            return await socket.ReceiveAsync(buffer, limit.Token);
        }
        catch (SocketException)
        {
            return 0; // a reset ends it as well
        }
    }

    /// <summary>Sends a text and the end of it, and returns all that comes back.</summary>
    private async Task<string> AskAsync(TcpForwarder forwarder, string text)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(forwarder.EndPoint, limit.Token);
        var answer = new StringBuilder();
        var buffer = new byte[8192];
        var reading = Task.Run(async () =>
        {
            while (await ReadOrResetAsync(client.Client, buffer) is var count and > 0) answer.Append(Encoding.ASCII.GetString(buffer, 0, count));
        });
        try
        {
            await client.Client.SendAsync(Encoding.ASCII.GetBytes(text), limit.Token);
            client.Client.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // Closed before it was sent: what came back, nothing, says so.
        }
        await reading;
        return answer.ToString();
    }

    /// <summary>Says its name once, then repeats what it is told.</summary>
    private sealed class NamedServer : IDisposable
    {
        private readonly HeldPort port = new();
        private readonly TcpListener listener;
        private readonly CancellationTokenSource stopping = new();
        private readonly Task serving;

        public NamedServer(string name)
        {
            listener = new TcpListener(port.EndPoint);
            listener.Start();
            serving = Task.Run(() => ServeAsync(name));
        }

        public IPEndPoint EndPoint => port.EndPoint;

        public async Task StopAsync()
        {
            if (stopping.IsCancellationRequested) return;
            await stopping.CancelAsync();
            await serving;
            listener.Dispose();
        }

        /// <summary>Others may have its port.</summary>
        public void Dispose() => port.Dispose();

        private async Task ServeAsync(string name)
        {
            var connections = new List<Task>();
            try
            {
                while (true) connections.Add(EchoAsync(await listener.AcceptSocketAsync(stopping.Token), name));
            }
            catch (OperationCanceledException)
            {
                await Task.WhenAll(connections);
            }
        }

        private async Task EchoAsync(Socket client, string name)
        {
            using (client)
            {
                try
                {
                    await client.SendAsync(Encoding.ASCII.GetBytes(name + ":"), stopping.Token);
                    var buffer = new byte[4096];
                    while (await client.ReceiveAsync(buffer, stopping.Token) is var count and > 0)
                    {
                        for (var sent = 0; sent < count;) sent += await client.SendAsync(buffer.AsMemory(sent, count - sent), stopping.Token);
                    }
                }
                catch (Exception e) when (e is SocketException or OperationCanceledException)
                {
                    client.LingerState = new LingerOption(enable: true, seconds: 0);
                }
            }
        }
    }
}
