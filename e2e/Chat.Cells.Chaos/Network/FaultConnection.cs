using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Chaos.Network;

/// <summary>One connection through a <see cref="FaultProxy"/>.</summary>
internal sealed class FaultConnection(FaultProxy proxy, Socket near)
{
    private const int Chunk = 64 * 1024;
    private readonly CancellationTokenSource ended = new();
    private readonly Lock gate = new();
    private Socket? far;
    private bool farIsGone;

    /// <summary>Until both sides are closed. Never throws.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ended.Token, stopping);
        try
        {
            if (proxy.Fault == LinkFault.Cut || proxy.Target is not { } target) return;
            await proxy.PassAsync(either.Token);
            var connecting = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            lock (gate) far = connecting;
            near.NoDelay = true;
            await ConnectAsync(connecting, target, either.Token);
            await Task.WhenAll(CopyAsync(near, connecting, toFar: true, either.Token), CopyAsync(connecting, near, toFar: false, either.Token));
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // A side is gone: so is the other, below.
            Reset();
        }
        finally
        {
            Reset();
            proxy.Remove(this);
        }
    }

    /// <summary>Both sides get an RST.</summary>
    public void Reset()
    {
        Close(near);
        lock (gate)
        {
            if (far is not null) Close(far);
        }
        ended.Cancel();
    }

    /// <summary>The far side gets an RST; the near one is kept, deaf and mute.</summary>
    public void ResetFarSide()
    {
        lock (gate)
        {
            farIsGone = true;
            if (far is not null) Close(far);
        }
    }

    private static void Close(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed already.
            return;
        }
        socket.Dispose();
    }

    private bool FarIsGone
    {
        get
        {
            lock (gate) return farIsGone;
        }
    }

    private async Task CopyAsync(Socket from, Socket to, bool toFar, CancellationToken cancellationToken)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(Chunk);
        while (true)
        {
            int count;
            try
            {
                count = await from.ReceiveAsync(buffer, cancellationToken);
                var late = await proxy.PassAsync(cancellationToken);
                // Delay and not bandwidth: good enough for servers that answer each other.
                if (late > TimeSpan.Zero) await Task.Delay(late, cancellationToken);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException && FarIsGone && !toFar)
            {
                // Nothing comes from there any more, and nobody is told.
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
                return;
            }
            if (count == 0)
            {
                to.Shutdown(SocketShutdown.Send);
                return;
            }
            await SendAsync(to, buffer.AsMemory(0, count), toFar, cancellationToken);
        }
    }

    private async Task ConnectAsync(Socket connecting, IPEndPoint target, CancellationToken cancellationToken)
    {
        try
        {
            await connecting.ConnectAsync(target, cancellationToken);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException && FarIsGone)
        {
            // Reset while it was being made: the near side is kept all the same.
        }
        if (FarIsGone) Close(connecting);
    }

    private async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes, bool toFar, CancellationToken cancellationToken)
    {
        try
        {
            if (!FarIsGone) await to.SendAsync(bytes, cancellationToken);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException && FarIsGone && toFar)
        {
            // Mute from here on.
        }
    }
}
