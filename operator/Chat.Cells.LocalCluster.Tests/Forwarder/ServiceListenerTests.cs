using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Chat.Cells.LocalCluster.Forwarder;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.LocalCluster.Tests.Forwarder;

public sealed class ServiceListenerTests
{
    [Fact]
    public async Task Forward_ClientThatHalfCloses_StillGetsTheWholeAnswer()
    {
        await using var server = new EchoAfterEnd();
        await using var listener = Listen(server.Address);
        var sent = RandomNumberGenerator.GetBytes(3_000_000);
        using var client = await ConnectAsync(listener.Address);
        var answer = ReadAllAsync(client);
        await client.SendAsync(sent);
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal(sent, await answer.WaitAsync(TimeSpan.FromSeconds(60)));
        await Poll.UntilAsync(() => listener.OpenConnections == 0, "the connection to end");
    }

    [Fact]
    public async Task Forward_FirstEndpointRefuses_GoesToTheNext()
    {
        await using var server = new EchoAfterEnd();
        var closed = ClosedPort();
        await using var listener = Listen(closed, server.Address);
        for (var i = 0; i < 6; i++)
        {
            using var client = await ConnectAsync(listener.Address);
            await client.SendAsync(new byte[] { 1 });
            client.Shutdown(SocketShutdown.Send);
            Assert.Equal([1], await ReadAllAsync(client).WaitAsync(TimeSpan.FromSeconds(60)));
        }
    }

    [Fact]
    public async Task Forward_ManyEndpoints_TakesThemInTurn()
    {
        await using var a = new EchoAfterEnd();
        await using var b = new EchoAfterEnd();
        await using var listener = Listen(a.Address, b.Address);
        for (var i = 0; i < 10; i++)
        {
            using var client = await ConnectAsync(listener.Address);
            client.Shutdown(SocketShutdown.Send);
            await ReadAllAsync(client).WaitAsync(TimeSpan.FromSeconds(60));
        }

        Assert.Equal((5, 5), (a.Accepted, b.Accepted));
    }

    [Fact]
    public async Task Forward_NoEndpoint_ResetsTheConnection()
    {
        await using var listener = Listen();
        var e = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            using var client = await ConnectAsync(listener.Address); // may see the reset already here
            await client.ReceiveAsync(new byte[1], SocketFlags.None).WaitAsync(TimeSpan.FromSeconds(60));
        });
        Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
    }

    [Fact]
    public async Task Forward_ServerThatResets_ResetsTheClient()
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        server.Listen();
        await using var listener = Listen((IPEndPoint)server.LocalEndPoint!);
        using var client = await ConnectAsync(listener.Address);
        var accepted = await server.AcceptAsync();
        accepted.LingerState = new LingerOption(true, 0);
        accepted.Dispose();
        await Assert.ThrowsAsync<SocketException>(() => client.ReceiveAsync(new byte[1], SocketFlags.None).WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Forward_ManyIdleConnections_AllStayAlive()
    {
        const int count = 500;
        await using var server = new EchoAfterEnd();
        await using var listener = Listen(server.Address);
        var clients = new List<Socket>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                clients.Add(await ConnectAsync(listener.Address));
            }

            await Poll.UntilAsync(() => server.Accepted == count, "all connections");
            foreach (var client in clients)
            {
                client.Shutdown(SocketShutdown.Send);
                Assert.Empty(await ReadAllAsync(client).WaitAsync(TimeSpan.FromSeconds(60)));
            }
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task SetEndpoints_OpenConnection_StaysAndNewOnesGoElsewhere()
    {
        await using var a = new EchoAfterEnd();
        await using var b = new EchoAfterEnd();
        await using var listener = Listen(a.Address);
        using var first = await ConnectAsync(listener.Address);
        await Poll.UntilAsync(() => a.Accepted == 1, "the first connection");
        listener.SetEndpoints([b.Address]);
        using var second = await ConnectAsync(listener.Address);
        await Poll.UntilAsync(() => b.Accepted == 1, "the second connection");
        await first.SendAsync(new byte[] { 9 });
        first.Shutdown(SocketShutdown.Send);
        Assert.Equal([9], await ReadAllAsync(first).WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Dispose_OpenConnection_GoesOn()
    {
        await using var server = new EchoAfterEnd();
        var listener = Listen(server.Address);
        using var client = await ConnectAsync(listener.Address);
        await Poll.UntilAsync(() => server.Accepted == 1, "the connection");
        await listener.DisposeAsync();
        await client.SendAsync(new byte[] { 5 });
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal([5], await ReadAllAsync(client).WaitAsync(TimeSpan.FromSeconds(60)));
        var e = await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(listener.Address));
        Assert.Equal(SocketError.ConnectionRefused, e.SocketErrorCode);
    }

    [Fact]
    public async Task Start_AddressInUse_SaysSo()
    {
        await using var listener = Listen();
        var e = Assert.Throws<SocketException>(() => ServiceListener.Start(listener.Address, [], NullLogger.Instance, CancellationToken.None));
        Assert.Equal(SocketError.AddressAlreadyInUse, e.SocketErrorCode);
    }

    private static ServiceListener Listen(params IPEndPoint[] endpoints) =>
        ServiceListener.Start(new IPEndPoint(IPAddress.Loopback, 0), [.. endpoints], NullLogger.Instance, CancellationToken.None);

    private static async Task<Socket> ConnectAsync(IPEndPoint address)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address);
        return socket;
    }

    private static async Task<byte[]> ReadAllAsync(Socket socket)
    {
        var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer, SocketFlags.None) is > 0 and var count)
        {
            all.Write(buffer, 0, count);
        }

        return all.ToArray();
    }

    private static IPEndPoint ClosedPort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse("127.78.0.1"), 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    /// <summary>Reads until the client ends its direction, and only then sends everything back: works only when half-close is passed on.</summary>
    private sealed class EchoAfterEnd : IAsyncDisposable
    {
        private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        private readonly Task accepting;
        private int accepted;

        public EchoAfterEnd()
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            socket.Listen(1024);
            Address = (IPEndPoint)socket.LocalEndPoint!;
            accepting = AcceptAsync();
        }

        public IPEndPoint Address { get; }

        public int Accepted => Volatile.Read(ref accepted);

        public async ValueTask DisposeAsync()
        {
            socket.Dispose();
            await accepting;
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    var client = await socket.AcceptAsync();
                    Interlocked.Increment(ref accepted);
                    _ = EchoAsync(client);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }

        private static async Task EchoAsync(Socket client)
        {
            using (client)
            {
                try
                {
                    var all = await ReadAllAsync(client);
                    for (var sent = 0; sent < all.Length;)
                    {
                        sent += await client.SendAsync(all.AsMemory(sent), SocketFlags.None);
                    }

                    client.Shutdown(SocketShutdown.Both);
                }
                catch (SocketException)
                {
                    return;
                }
            }
        }
    }
}
