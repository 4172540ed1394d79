using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Processes;

/// <summary>
/// One address in front of several servers, as a Kubernetes Service is: each connection goes to the next server, and past those that refuse it. A server listens only
/// when it has begun to serve, so that one that refuses is one that isn't there. Bytes are passed on as they are.
/// </summary>
public sealed class TcpForwarder : IAsyncDisposable
{
    private const int BufferSize = 16 * 1024;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    private readonly TcpListener listener;
    private readonly IReadOnlyList<IPEndPoint> targets;
    private readonly CancellationTokenSource stopping = new();
    private readonly HashSet<Task> connections = [];
    private readonly Task accepting;
    private uint next;

    private TcpForwarder(IReadOnlyList<IPEndPoint> targets)
    {
        this.targets = targets;
        listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(512);
        EndPoint = (IPEndPoint)listener.LocalEndpoint;
        accepting = Task.Run(AcceptAsync);
    }

    /// <summary>Where it listens: a free port of the loopback address.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Begins to forward.</summary>
    /// <param name="targets">One or more.</param>
    public static TcpForwarder Start(IReadOnlyList<IPEndPoint> targets)
    {
        ArgumentOutOfRangeException.ThrowIfZero(targets.Count);
        return new TcpForwarder(targets);
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await accepting;
        listener.Dispose(); // not before: it would be asked to accept once more
        Task[] open;
        lock (connections) open = [.. connections];
        await Task.WhenAll(open);
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptSocketAsync(stopping.Token);
                Track(ForwardAsync(client));
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return; // disposed
        }
    }

    private void Track(Task connection)
    {
        lock (connections) connections.Add(connection);
        _ = connection.ContinueWith(
            done =>
            {
                lock (connections) connections.Remove(done);
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private async Task ForwardAsync(Socket client)
    {
        using (client)
        {
            using var server = await ConnectAsync();
            if (server is null) return; // nobody serves: the client sees its connection closed
            client.NoDelay = server.NoDelay = true;
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
            // When one way is torn, so is the other; when one side has said all, it may still listen.
            await Task.WhenAll(PumpAsync(client, server, either), PumpAsync(server, client, either));
        }
    }

    private async Task<Socket?> ConnectAsync()
    {
        var first = Interlocked.Increment(ref next);
        for (var i = 0; i < targets.Count && !stopping.IsCancellationRequested; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
            limit.CancelAfter(ConnectTimeout);
            try
            {
                await socket.ConnectAsync(targets[(int)((first + (uint)i) % (uint)targets.Count)], limit.Token);
                return socket;
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                socket.Dispose(); // it isn't there: the next one
            }
        }
        return null;
    }

    private static async Task PumpAsync(Socket from, Socket to, CancellationTokenSource either)
    {
        var buffer = new byte[BufferSize];
        try
        {
            while (await from.ReceiveAsync(buffer, either.Token) is var count and > 0)
            {
                var rest = buffer.AsMemory(0, count);
                while (!rest.IsEmpty) rest = rest[await to.SendAsync(rest, either.Token)..];
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // A reset on one side is a reset on the other.
            from.LingerState = to.LingerState = new LingerOption(enable: true, seconds: 0);
            await either.CancelAsync();
        }
    }
}
