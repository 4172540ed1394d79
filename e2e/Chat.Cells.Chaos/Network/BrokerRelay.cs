using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Chaos.Network;

/// <summary>
/// Passes Kafka's protocol on to one broker, and changes the brokers' ports in its answers: clients connect to where an answer says that a broker is, and would go round a
/// proxy. An address is a host's text and a port of four bytes after it, in every version of every answer that has one; the length stays the same. Brokers have to be at
/// <see cref="Host"/>.
/// </summary>
public sealed class BrokerRelay : IAsyncDisposable
{
    /// <summary>Where brokers have to be.</summary>
    public const string Host = "127.0.0.1";

    private const int LargestAnswer = 256 * 1024 * 1024;
    private const int Chunk = 64 * 1024;
    private readonly Socket listener;
    private readonly IPEndPoint broker;
    private readonly IReadOnlyDictionary<int, int> ports;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task accepting;

    private BrokerRelay(Socket listener, IPEndPoint broker, IReadOnlyDictionary<int, int> ports)
    {
        this.listener = listener;
        this.broker = broker;
        this.ports = ports;
        accepting = AcceptAsync();
    }

    public IPEndPoint EndPoint => (IPEndPoint)listener.LocalEndPoint!;

    /// <param name="broker">Where it is.</param>
    /// <param name="ports">Brokers' ports, and what clients are told instead; read when an answer passes.</param>
    public static BrokerRelay Start(IPEndPoint broker, IReadOnlyDictionary<int, int> ports)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(1_024);
        return new BrokerRelay(socket, broker, ports);
    }

    /// <summary>Changes the ports of all addresses in an answer.</summary>
    internal static void Redirect(Span<byte> answer, IReadOnlyDictionary<int, int> ports)
    {
        var host = "127.0.0.1"u8;
        for (var at = 0; answer[at..].IndexOf(host) is var found and >= 0;)
        {
            at += found + host.Length;
            if (at + sizeof(int) > answer.Length) return;
            if (ports.TryGetValue(BinaryPrimitives.ReadInt32BigEndian(answer[at..]), out var port)) BinaryPrimitives.WriteInt32BigEndian(answer[at..], port);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await accepting;
        listener.Dispose();
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        var open = new List<Task>();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var client = await listener.AcceptAsync(stopping.Token);
                open.RemoveAll(static t => t.IsCompleted);
                open.Add(PassAsync(client));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // Stopped, or the client was gone before it was accepted.
                continue;
            }
        }
        await Task.WhenAll(open);
    }

    /// <summary>Until a side ends it, however it does: then the other's connection is reset.</summary>
    private async Task PassAsync(Socket client)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
            try
            {
                await server.ConnectAsync(broker, either.Token);
                client.NoDelay = server.NoDelay = true;
                Task[] ways = [RequestsAsync(client, server, either.Token), AnswersAsync(server, client, either.Token)];
                await Task.WhenAny(ways);
                await either.CancelAsync();
                await Task.WhenAll(ways);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or InvalidDataException)
            {
                client.LingerState = server.LingerState = new LingerOption(enable: true, seconds: 0);
            }
        }
    }

    private static async Task RequestsAsync(Socket from, Socket to, CancellationToken cancellationToken)
    {
        var buffer = new byte[Chunk];
        while (await from.ReceiveAsync(buffer, cancellationToken) is var count and > 0) await SendAsync(to, buffer.AsMemory(0, count), cancellationToken);
    }

    private async Task AnswersAsync(Socket from, Socket to, CancellationToken cancellationToken)
    {
        var answer = new byte[Chunk];
        while (await FillAsync(from, answer.AsMemory(0, sizeof(int)), cancellationToken))
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(answer);
            if (length is < 0 or > LargestAnswer) throw new InvalidDataException($"An answer of {length} bytes.");
            if (answer.Length < sizeof(int) + length) Array.Resize(ref answer, sizeof(int) + length);
            if (!await FillAsync(from, answer.AsMemory(sizeof(int), length), cancellationToken)) return;
            Redirect(answer.AsSpan(sizeof(int), length), ports);
            await SendAsync(to, answer.AsMemory(0, sizeof(int) + length), cancellationToken);
        }
    }

    private static async Task<bool> FillAsync(Socket from, Memory<byte> memory, CancellationToken cancellationToken)
    {
        while (!memory.IsEmpty)
        {
            var count = await from.ReceiveAsync(memory, cancellationToken);
            if (count == 0) return false;
            memory = memory[count..];
        }
        return true;
    }

    private static async Task SendAsync(Socket to, ReadOnlyMemory<byte> rest, CancellationToken cancellationToken)
    {
        while (!rest.IsEmpty) rest = rest[await to.SendAsync(rest, cancellationToken)..];
    }
}
