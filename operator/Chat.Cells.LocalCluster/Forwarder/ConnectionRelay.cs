using System.Buffers;
using System.Net.Sockets;

namespace Chat.Cells.LocalCluster.Forwarder;

/// <summary>
/// Copies bytes both ways between two sockets. An end of one direction is passed on alone (half-close), a broken connection breaks the other. A connection
/// with nothing to say holds no buffer: it waits for readiness first and borrows a buffer only to move bytes.
/// </summary>
internal static class ConnectionRelay
{
    private const int BufferSize = 32 * 1024;

    public static async Task RunAsync(Socket client, Socket server, CancellationToken cancellationToken)
    {
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var results = await Task.WhenAll(CopyAsync(client, server, broken), CopyAsync(server, client, broken));
        if (Array.Exists(results, clean => !clean))
        {
            // The peer must see a reset where it would have seen one without us, not an orderly end.
            client.LingerState = new LingerOption(true, 0);
            server.LingerState = new LingerOption(true, 0);
        }
    }

    private static async Task<bool> CopyAsync(Socket from, Socket to, CancellationTokenSource broken)
    {
        try
        {
            while (true)
            {
                await from.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, broken.Token);
                var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
                try
                {
                    var count = await from.ReceiveAsync(buffer.AsMemory(0, BufferSize), SocketFlags.None, broken.Token);
                    if (count == 0)
                    {
                        to.Shutdown(SocketShutdown.Send);
                        return true;
                    }

                    var sent = 0;
                    while (sent < count)
                    {
                        sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), SocketFlags.None, broken.Token);
                    }
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            await broken.CancelAsync();
            return false;
        }
    }
}
