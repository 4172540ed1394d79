using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.Cells.Chaos.Network;

namespace Chat.Cells.Chaos.Tests;

public sealed class BrokerRelayTests : IAsyncLifetime
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private readonly Socket broker = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private BrokerRelay relay = null!;

    public Task InitializeAsync()
    {
        broker.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        broker.Listen(10);
        relay = BrokerRelay.Start((IPEndPoint)broker.LocalEndPoint!, new Dictionary<int, int> { [9092] = 12_345, [9093] = 54_321 });
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await relay.DisposeAsync();
        broker.Dispose();
    }

    [Fact]
    public async Task Answers_AddressesOfBrokers_AreThoseThatClientsMayUse()
    {
        var (client, server) = await ConnectAsync();
        var answer = Answer([.. Address(9092), 7, .. Address(9093), .. Address(1), .. "127.0.0.1"u8, 0]);

        // In pieces, as a socket may bring them.
        await server.SendAsync(answer.AsMemory(0, 10));
        await server.SendAsync(answer.AsMemory(10));

        Assert.Equal(Answer([.. Address(12_345), 7, .. Address(54_321), .. Address(1), .. "127.0.0.1"u8, 0]), await ReceiveAsync(client, answer.Length));
    }

    [Fact]
    public async Task Requests_PassAsTheyAre()
    {
        var (client, server) = await ConnectAsync();
        var request = Answer(Address(9092));

        await client.SendAsync(request);

        Assert.Equal(request, await ReceiveAsync(server, request.Length));
    }

    [Fact]
    public async Task Answers_LengthThatCantBe_EndTheConnection()
    {
        var (client, server) = await ConnectAsync();
        await server.SendAsync(new byte[] { 0xff, 0xff, 0xff, 0xff, 1 });
        await EndsAsync(client);
    }

    [Fact]
    public async Task BrokerIsGone_ClientIsToo()
    {
        var (client, server) = await ConnectAsync();
        server.Dispose();
        await EndsAsync(client);
    }

    [Fact]
    public async Task NoBroker_ConnectionEnds()
    {
        using var nobody = new HeldPort();
        await using var alone = BrokerRelay.Start(nobody.EndPoint, new Dictionary<int, int>());
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await EndsAsync(async bound =>
        {
            // May be reset before the client has seen that it is connected.
            await client.ConnectAsync(alone.EndPoint, bound);
            return await client.ReceiveAsync(new byte[10], bound);
        });
    }

    private static byte[] Address(int port)
    {
        var bytes = new byte[13];
        Encoding.ASCII.GetBytes("127.0.0.1", bytes);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(9), port);
        return bytes;
    }

    private static byte[] Answer(byte[] body)
    {
        var bytes = new byte[sizeof(int) + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, body.Length);
        body.CopyTo(bytes, sizeof(int));
        return bytes;
    }

    private static async Task<byte[]> ReceiveAsync(Socket socket, int length)
    {
        var bytes = new byte[length];
        using var bound = new CancellationTokenSource(Bound);
        for (var at = 0; at < length;)
        {
            var count = await socket.ReceiveAsync(bytes.AsMemory(at), bound.Token);
            Assert.NotEqual(0, count);
            at += count;
        }
        return bytes;
    }

    /// <summary>Whether it is closed or reset.</summary>
    private static Task EndsAsync(Socket socket) => EndsAsync(async bound => await socket.ReceiveAsync(new byte[10], bound));

    private static async Task EndsAsync(Func<CancellationToken, Task<int>> receive)
    {
        using var bound = new CancellationTokenSource(Bound);
        try
        {
            Assert.Equal(0, await receive(bound.Token));
        }
        catch (SocketException e)
        {
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
    }

    private async Task<(Socket Client, Socket Server)> ConnectAsync()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var accepting = broker.AcceptAsync();
        await client.ConnectAsync(relay.EndPoint).WaitAsync(Bound);
        return (client, await accepting.WaitAsync(Bound));
    }
}
