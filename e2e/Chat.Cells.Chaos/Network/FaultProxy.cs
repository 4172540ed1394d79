using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Chaos.Network;

/// <summary>A TCP port on loopback in front of a server, whose link can be cut, silenced, slowed and healed. The server behind it may change.</summary>
public sealed class FaultProxy : IFaultLink, IAsyncDisposable
{
    private readonly Socket listener;
    private readonly CancellationTokenSource stopping = new();
    private readonly Lock gate = new();
    private readonly HashSet<FaultConnection> connections = [];
    private readonly Task accepting;
    private LinkFault fault;
    private TaskCompletionSource healed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private FaultProxy(string name, Socket listener)
    {
        Name = name;
        this.listener = listener;
        accepting = AcceptAsync();
    }

    public string Name { get; }

    public int Port => ((IPEndPoint)listener.LocalEndPoint!).Port;

    /// <summary>Where connections go; null: nobody listens there.</summary>
    public IPEndPoint? Target { get; set; }

    /// <summary>How late everything is on a slow link, each way.</summary>
    public TimeSpan Delay { get; set; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Connections that are open through it.</summary>
    public int Open
    {
        get
        {
            lock (gate) return connections.Count;
        }
    }

    public LinkFault Fault
    {
        get
        {
            lock (gate) return fault;
        }
    }

    /// <param name="name">For people.</param>
    /// <param name="target">The server; null: none yet.</param>
    public static FaultProxy Start(string name, IPEndPoint? target = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(1_024);
        return new FaultProxy(name, socket) { Target = target };
    }

    /// <summary>Breaks the link in a way, or (<see cref="LinkFault.None"/>) heals it.</summary>
    public void Break(LinkFault how)
    {
        FaultConnection[] open;
        TaskCompletionSource? healing = null;
        LinkFault before;
        lock (gate)
        {
            before = fault;
            fault = how;
            open = [.. connections];
            if (how is LinkFault.None or LinkFault.Slow or LinkFault.Cut)
            {
                healing = healed;
                healed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
        foreach (var connection in open)
        {
            if (how == LinkFault.Cut || before == LinkFault.HalfOpen) connection.Reset();
            else if (how == LinkFault.HalfOpen) connection.ResetFarSide();
        }
        healing?.TrySetResult();
    }

    public void Heal() => Break(LinkFault.None);

    /// <summary>Resets what is open; new connections pass as before.</summary>
    public void ResetOpen()
    {
        FaultConnection[] open;
        lock (gate) open = [.. connections];
        foreach (var connection in open) connection.Reset();
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Dispose();
        ResetOpen();
        Break(LinkFault.Cut);
        await accepting;
        stopping.Dispose();
    }

    /// <summary>Completes when bytes may pass; how late they have to be.</summary>
    internal async ValueTask<TimeSpan> PassAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task healing;
            lock (gate)
            {
                if (fault == LinkFault.None) return TimeSpan.Zero;
                if (fault == LinkFault.Slow) return Delay;
                healing = healed.Task;
            }
            await healing.WaitAsync(cancellationToken);
        }
    }

    internal void Remove(FaultConnection connection)
    {
        lock (gate) connections.Remove(connection);
    }

    private async Task AcceptAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            Socket near;
            try
            {
                near = await listener.AcceptAsync(stopping.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // The client was gone before it was accepted, or descriptors ran out: the machine's watch tells the latter.
                continue;
            }
            var connection = new FaultConnection(this, near);
            lock (gate) connections.Add(connection);
            _ = connection.RunAsync(stopping.Token);
        }
    }
}
