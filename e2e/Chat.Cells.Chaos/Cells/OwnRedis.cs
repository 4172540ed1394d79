using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Chaos.Cells;

/// <summary>A <c>redis-server</c> of the scenario's own, that can be killed, paused and flushed. It keeps nothing on disk.</summary>
public sealed class OwnRedis : IAsyncDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private readonly ServerProcess process;
    private readonly FreePorts ports;

    private OwnRedis(ServerProcess process, FreePorts ports, int port)
    {
        this.process = process;
        this.ports = ports;
        EndPoint = new IPEndPoint(IPAddress.Loopback, port);
    }

    public IPEndPoint EndPoint { get; }

    /// <exception cref="SkippedException">There is no <c>redis-server</c> here.</exception>
    public static async Task<OwnRedis> StartAsync(string folder, CancellationToken cancellationToken)
    {
        if (RedisProgram.Missing is { } reason) throw new SkippedException(reason);
        var own = new FreePorts();
        var port = own.Next();
        var command = RedisProgram.Command(folder, port, password: null);
        var redis = new OwnRedis(new ServerProcess("redis", "redis", command, Path.Combine(folder, "redis.log"), TimeSpan.FromMilliseconds(50)), own, port);
        redis.process.Start();
        await redis.WaitAsync(cancellationToken);
        return redis;
    }

    /// <summary>SIGKILL; it stays down until <see cref="StartAgainAsync"/>.</summary>
    public void Kill()
    {
        process.Hold();
        if (process.Current?.Kill() != true) throw new HarnessException("redis-server was gone before it was killed.");
    }

    /// <summary>Starts an empty one at the same address.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        process.Release();
        await WaitAsync(cancellationToken);
    }

    /// <summary>SIGSTOP.</summary>
    public void Pause()
    {
        if (process.Current?.Pause() != true) throw new HarnessException("redis-server can't be paused.");
    }

    /// <summary>SIGCONT.</summary>
    public void Resume()
    {
        if (process.Current?.Resume() != true) throw new HarnessException("redis-server can't be resumed.");
    }

    /// <summary>Forgets everything it holds.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        var answer = await AskAsync("FLUSHALL", cancellationToken);
        if (answer != "+OK") throw new HarnessException($"FLUSHALL was answered {answer}.");
    }

    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        ports.Dispose();
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                if (await AskAsync("PING", cancellationToken) == "+PONG") return;
            }
            catch (SocketException) when (TimeProvider.System.GetElapsedTime(start) < Bound)
            {
                // Not up yet.
                await Task.Delay(20, cancellationToken);
            }
            if (TimeProvider.System.GetElapsedTime(start) > Bound) throw new HarnessException($"redis-server at {EndPoint} did not start.");
        }
    }

    /// <summary>An inline command of Redis's protocol, and the first line of its answer.</summary>
    private async Task<string> AskAsync(string command, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(EndPoint, cancellationToken);
        await socket.SendAsync(Encoding.ASCII.GetBytes(command + "\r\n"), cancellationToken);
        using var reader = new StreamReader(new NetworkStream(socket), Encoding.ASCII);
        return await reader.ReadLineAsync(cancellationToken) ?? "";
    }
}
