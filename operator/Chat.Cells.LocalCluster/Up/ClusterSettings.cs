using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>
/// The addresses of a cluster, chosen once for a data folder and kept, since they are written into objects and into other processes' memory.
/// Two clusters with different folders run at once.
/// </summary>
/// <param name="SecondOctet">Services have 127.x.0.0/16 and pods 127.(x+1).0.0/16; x is even.</param>
/// <param name="NodePort">The port of the one URL, on 127.0.0.1.</param>
public sealed record ClusterSettings(int SecondOctet, int NodePort)
{
    /// <summary>The port when none was ever asked for.</summary>
    public const int DefaultNodePort = 30080;

    private const int FirstOctet = 64;
    private const int OctetPairs = 95; // 127.64 to 127.253
    private const int FirstNodePort = 30000;
    private const int LastNodePort = 32767;

    /// <summary>Where the API server listens.</summary>
    public string ApiServerAddress => string.Create(CultureInfo.InvariantCulture, $"127.{SecondOctet}.0.1:6443");

    /// <summary>The addresses of Services.</summary>
    public string ServiceCidr => string.Create(CultureInfo.InvariantCulture, $"127.{SecondOctet}.0.0/16");

    /// <summary>The addresses of pods.</summary>
    public string PodCidr => string.Create(CultureInfo.InvariantCulture, $"127.{SecondOctet + 1}.0.0/16");

    /// <summary>The one URL.</summary>
    public string Url => string.Create(CultureInfo.InvariantCulture, $"http://localhost:{NodePort}/");

    /// <summary>Takes the folder's settings, or chooses them.</summary>
    /// <param name="paths">The folder.</param>
    /// <param name="port">The port asked for: null for the folder's own or the default, 0 for any that is free.</param>
    /// <param name="listening">Every local address that some program listens on now.</param>
    /// <exception cref="UpException">The addresses or the port are taken.</exception>
    public static ClusterSettings Choose(ClusterPaths paths, int? port, IReadOnlyCollection<IPEndPoint> listening)
    {
        var before = File.Exists(paths.Settings) ? JsonSerializer.Deserialize<ClusterSettings>(File.ReadAllText(paths.Settings)) : null;
        int octet;
        if (before is null)
        {
            octet = FreeOctet(paths.Data, listening);
        }
        else
        {
            octet = before.SecondOctet;
            if (IsUsed(octet, listening))
            {
                throw new UpException(string.Create(CultureInfo.InvariantCulture, $"""
                    the addresses of this cluster (127.{octet}.x.x and 127.{octet + 1}.x.x) are in use by another program, most likely by a cluster of another folder that chose
                    the same ones. Stop that one, or start this one in a fresh folder with --data.
                    """));
            }
        }

        var nodePort = port switch
        {
            null => before?.NodePort ?? DefaultNodePort,
            0 => before is { NodePort: var own } && IsFree(own, listening) ? own : FreeNodePort(listening),
            { } given => given,
        };
        if (!IsFree(nodePort, listening))
        {
            throw new UpException(string.Create(CultureInfo.InvariantCulture,
                $"port {nodePort} is in use by another program. Stop that one (see `ss -ltnp 'sport = :{nodePort}'`), or take another port with --port N (--port 0 takes a free one)."));
        }

        var settings = new ClusterSettings(octet, nodePort);
        DurableFile.Write(paths.Settings, JsonSerializer.Serialize(settings));
        return settings;
    }

    /// <summary>Every address that is listened on over IPv4 on this machine.</summary>
    public static IReadOnlyCollection<IPEndPoint> Listening() =>
        [.. IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Where(endpoint => endpoint.AddressFamily == AddressFamily.InterNetwork
            || endpoint.Address.Equals(IPAddress.IPv6Any))];

    private static int FreeOctet(string data, IReadOnlyCollection<IPEndPoint> listening)
    {
        var start = SHA256.HashData(Encoding.UTF8.GetBytes(data))[0] % OctetPairs;
        for (var i = 0; i < OctetPairs; i++)
        {
            var octet = FirstOctet + (2 * ((start + i) % OctetPairs));
            if (!IsUsed(octet, listening))
            {
                return octet;
            }
        }

        throw new UpException("every address range from 127.64 to 127.253 is in use on this machine: stop another local cluster first.");
    }

    private static bool IsUsed(int octet, IReadOnlyCollection<IPEndPoint> listening) => listening.Any(endpoint =>
        endpoint.AddressFamily == AddressFamily.InterNetwork && endpoint.Address.GetAddressBytes() is [127, var second, _, _] && (second == octet || second == octet + 1));

    private static bool IsFree(int port, IReadOnlyCollection<IPEndPoint> listening) => !listening.Any(endpoint =>
        endpoint.Port == port && (endpoint.Address.Equals(IPAddress.Any) || endpoint.Address.Equals(IPAddress.IPv6Any) || endpoint.Address.Equals(IPAddress.Loopback)));

    private static int FreeNodePort(IReadOnlyCollection<IPEndPoint> listening)
    {
        var start = RandomNumberGenerator.GetInt32(FirstNodePort, LastNodePort + 1);
        for (var i = 0; i <= LastNodePort - FirstNodePort; i++)
        {
            var port = FirstNodePort + ((start - FirstNodePort + i) % (LastNodePort - FirstNodePort + 1));
            if (IsFree(port, listening))
            {
                return port;
            }
        }

        throw new UpException("every NodePort from 30000 to 32767 is in use on this machine.");
    }
}
