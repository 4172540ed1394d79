using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.TestSupport;

/// <summary>
/// A port of the loopback address for a server that is started later, or stopped and started again. A socket that is bound to it and never listens keeps it: while no server listens
/// there it refuses connections, and the kernel gives it neither to a connection nor to whoever asks for any port. Found free and let go, it would sometimes be another's by then.
/// </summary>
public sealed class HeldPort : IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    /// <param name="port">0: any that is free.</param>
    /// <exception cref="SocketException">Somebody has it.</exception>
    public HeldPort(int port = 0)
    {
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
    }

    public IPEndPoint EndPoint => (IPEndPoint)socket.LocalEndPoint!;

    public int Number => EndPoint.Port;

    /// <summary>Plain HTTP.</summary>
    public Uri Url => new($"http://{EndPoint}");

    public void Dispose() => socket.Dispose();
}
