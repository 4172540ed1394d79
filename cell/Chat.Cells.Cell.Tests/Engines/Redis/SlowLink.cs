using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>A loopback port in front of a server: answers come through late, in order, however many are under way.</summary>
internal sealed class SlowLink : IAsyncDisposable
{
    private readonly int target;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource closing = new();
    private readonly Task accepting;

    public SlowLink(int target)
    {
        this.target = target;
        listener.Start();
        accepting = Task.Run(AcceptAsync);
    }

    /// <summary>How late; of what comes from now on.</summary>
    public TimeSpan Delay { get; set; }

    public string Endpoint => listener.LocalEndpoint.ToString()!;

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        listener.Stop();
        await accepting;
        closing.Dispose();
    }

    private async Task AcceptAsync()
    {
        var links = new List<Task>();
        try
        {
            while (true) links.Add(LinkAsync(await listener.AcceptTcpClientAsync(closing.Token)));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(links);
        }
    }

    private async Task LinkAsync(TcpClient client)
    {
        using var near = client;
        using var far = new TcpClient();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(closing.Token);
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, target, ended.Token);
            (near.NoDelay, far.NoDelay) = (true, true);
            var late = Channel.CreateUnbounded<(long Read, TimeSpan Delay, byte[] Bytes)>();
            Task[] ways = [near.GetStream().CopyToAsync(far.GetStream(), ended.Token), ReadAsync(far.GetStream(), late.Writer, ended.Token), WriteAsync(late.Reader, near.GetStream(), ended.Token)];
            await Task.WhenAny(ways);
            await ended.CancelAsync();
            await Task.WhenAll(ways);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException)
        {
            // One side has gone; so does the other, with this method.
            await ended.CancelAsync();
        }
    }

    private async Task ReadAsync(NetworkStream from, ChannelWriter<(long Read, TimeSpan Delay, byte[] Bytes)> late, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        while (await from.ReadAsync(buffer, cancellationToken) is > 0 and var count) await late.WriteAsync((Stopwatch.GetTimestamp(), Delay, buffer[..count]), cancellationToken);
    }

    private static async Task WriteAsync(ChannelReader<(long Read, TimeSpan Delay, byte[] Bytes)> late, NetworkStream to, CancellationToken cancellationToken)
    {
        await foreach (var (read, delay, bytes) in late.ReadAllAsync(cancellationToken))
        {
            if (delay - Stopwatch.GetElapsedTime(read) is { Ticks: > 0 } rest) await Task.Delay(rest, cancellationToken);
            await to.WriteAsync(bytes, cancellationToken);
        }
    }
}
