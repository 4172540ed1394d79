using System.Net.Sockets;

namespace Chat.Cells.Http;

/// <summary>Connections that TCP itself probes while nothing is sent, so that a peer whose machine has vanished without a word is noticed.</summary>
public static class TcpKeepAlive
{
    /// <summary>For <see cref="SocketsHttpHandler.ConnectCallback"/>.</summary>
    /// <param name="idle">Silence before the first probe, in whole seconds.</param>
    /// <param name="interval">Between two probes, in whole seconds.</param>
    /// <param name="probes">How many have to stay without an answer.</param>
    public static Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> Connect(TimeSpan idle, TimeSpan interval, int probes) =>
        async (context, cancellationToken) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            var isConnected = false;
            try
            {
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
                socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, (int)idle.TotalSeconds);
                socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, (int)interval.TotalSeconds);
                socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, probes);
                await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
                isConnected = true;
                return new NetworkStream(socket, ownsSocket: true);
            }
            finally
            {
                if (!isConnected) socket.Dispose();
            }
        };
}
