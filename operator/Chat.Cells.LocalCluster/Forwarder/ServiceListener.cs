using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.LocalCluster.Forwarder;

/// <summary>Listens on one address and passes each connection to one of the endpoints, in turn; an endpoint that refuses is passed over for the next.</summary>
public sealed class ServiceListener : IAsyncDisposable
{
    private const int Backlog = 4096;
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan OutOfResources = TimeSpan.FromMilliseconds(200);
    private readonly Socket socket;
    private readonly ILogger logger;
    private readonly CancellationToken relaying;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task accepting;
    private ImmutableArray<IPEndPoint> endpoints;
    private uint turn;
    private long open;

    private ServiceListener(Socket socket, ImmutableArray<IPEndPoint> endpoints, ILogger logger, CancellationToken relaying)
    {
        this.relaying = relaying;
        this.socket = socket;
        this.endpoints = endpoints;
        this.logger = logger;
        Address = (IPEndPoint)socket.LocalEndPoint!;
        turn = (uint)Random.Shared.Next();
        accepting = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address { get; }

    /// <summary>Connections being passed on now.</summary>
    public long OpenConnections => Interlocked.Read(ref open);

    /// <summary>Begins to listen.</summary>
    /// <param name="address">Where.</param>
    /// <param name="endpoints">Where connections go.</param>
    /// <param name="logger">For its log.</param>
    /// <param name="relaying">Ends the connections that are open; they outlive the listener otherwise.</param>
    /// <exception cref="SocketException">The address cannot be listened on, for example because another program does.</exception>
    public static ServiceListener Start(IPEndPoint address, ImmutableArray<IPEndPoint> endpoints, ILogger logger, CancellationToken relaying)
    {
        var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listening.Bind(address);
            listening.Listen(Backlog);
            return new ServiceListener(listening, endpoints, logger, relaying);
        }
        catch (SocketException)
        {
            listening.Dispose();
            throw;
        }
    }

    /// <summary>Takes other endpoints for new connections; those that are open stay where they are.</summary>
    public void SetEndpoints(ImmutableArray<IPEndPoint> newest) => ImmutableInterlocked.InterlockedExchange(ref endpoints, newest);

    /// <summary>Stops listening. Connections that are open go on, as they do when a Service loses its endpoints in a cluster: a pod that drains still answers.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        socket.Dispose();
        await accepting;
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await socket.AcceptAsync(stopping.Token);
            }
            catch (Exception e) when (stopping.IsCancellationRequested && e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e)
            {
                // Mostly: no descriptors left. Those that are open go on, and some will close.
                logger.AcceptFailed(Address, e.SocketErrorCode);
                await DelayAsync();
                continue;
            }

            _ = ServeAsync(client);
        }
    }

    private async Task DelayAsync()
    {
        try
        {
            await Task.Delay(OutOfResources, stopping.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }
    }

    private async Task ServeAsync(Socket client)
    {
        Interlocked.Increment(ref open);
        try
        {
            using (client)
            {
                client.NoDelay = true;
                using var server = await ConnectAsync();
                if (server is null)
                {
                    client.LingerState = new LingerOption(true, 0); // a reset: nobody is there
                    return;
                }

                await ConnectionRelay.RunAsync(client, server, relaying);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            logger.ConnectionFailed(Address, e.Message);
        }
        finally
        {
            Interlocked.Decrement(ref open);
        }
    }

    private async Task<Socket?> ConnectAsync()
    {
        var candidates = endpoints;
        var first = Interlocked.Increment(ref turn);
        for (uint i = 0; i < candidates.Length; i++)
        {
            var endpoint = candidates[(int)((first + i) % (uint)candidates.Length)];
            var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(relaying);
                limit.CancelAfter(ConnectLimit);
                await server.ConnectAsync(endpoint, limit.Token);
                return server;
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                server.Dispose();
                if (relaying.IsCancellationRequested)
                {
                    return null;
                }

                logger.EndpointFailed(Address, endpoint, e.Message);
            }
        }

        return null;
    }
}
