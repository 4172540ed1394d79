using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Processes;

/// <summary>
/// Ports of the loopback address for servers to be started: free, none of them twice, and not taken by others of their kind until this is disposed. They are below those
/// that the kernel gives to connections and to whoever asks for any port, because such a one may be gone again before its server, or the next one in its place, binds it.
/// </summary>
public sealed class FreePorts : IDisposable
{
    private const int Lowest = 10_000;
    private const int FewestBelow = 1000;
    private static readonly string Folder = Path.Combine(Path.GetTempPath(), $"chat-cells-ports-{Environment.UserName}");
    private readonly HashSet<int> tried = [];
    private readonly List<FileStream> held = [];
    private readonly int end = FirstOfTheKernel();
    private bool isDisposed;

    /// <exception cref="ClusterException">There is none.</exception>
    public int Next()
    {
        lock (tried)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            Directory.CreateDirectory(Folder);
            while (tried.Count < end - Lowest)
            {
                var port = Random.Shared.Next(Lowest, end);
                if (tried.Add(port) && TryHold(port) is { } mark)
                {
                    held.Add(mark);
                    return port;
                }
            }
            throw new ClusterException("No port of the loopback address is free.");
        }
    }

    /// <summary>Others may have the ports.</summary>
    public void Dispose()
    {
        lock (tried)
        {
            isDisposed = true;
            foreach (var mark in held) mark.Dispose();
            held.Clear();
        }
    }

    /// <summary>Plain HTTP at a port of loopback.</summary>
    public static Uri Url(int port) => new($"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}");

    internal static Uri Url(IPEndPoint endPoint) => new($"http://{endPoint}");

    /// <summary>A locked file tells the processes of a user which ports are given away; the lock ends with its process.</summary>
    private static FileStream? TryHold(int port)
    {
        FileStream? mark = null;
        try
        {
            mark = new FileStream(Path.Combine(Folder, port.ToString(CultureInfo.InvariantCulture)), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return mark;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // Given to somebody, or bound by somebody who does not ask here: the next one is tried.
            mark?.Dispose();
            return null;
        }
    }

    private static int FirstOfTheKernel()
    {
        const string range = "/proc/sys/net/ipv4/ip_local_port_range";
        const int usual = 32_768;
        var first = File.Exists(range) ? int.Parse(File.ReadAllText(range).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture) : usual;
        // Where the kernel takes nearly all ports for itself, there is only the chance that it does not come upon the same ones.
        return first >= Lowest + FewestBelow ? first : usual;
    }
}
