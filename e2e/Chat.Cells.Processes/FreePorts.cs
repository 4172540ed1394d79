using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Processes;

/// <summary>Ports of the loopback address that were free a moment ago, none of them twice.</summary>
public sealed class FreePorts
{
    private readonly HashSet<int> given = [];

    public int Next()
    {
        lock (given)
        {
            int port;
            do
            {
                using var listener = new TcpListener(IPAddress.Loopback, 0);
                listener.Start();
                port = ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            while (!given.Add(port));
            return port;
        }
    }

    internal static Uri Url(int port) => new($"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}");

    internal static Uri Url(IPEndPoint endPoint) => new($"http://{endPoint}");
}
