using System.Net;

namespace Cassandra;

/// <summary>A node of the cluster.</summary>
public sealed class Host
{
    private volatile bool _isUp = true;

    internal Host(IPEndPoint address, Guid hostId, string datacenter, string rack, IReadOnlyList<string> tokens, string version)
    {
        Address = address;
        HostId = hostId;
        Datacenter = datacenter;
        Rack = rack;
        Tokens = tokens;
        CassandraVersion = version;
    }

    public IPEndPoint Address { get; }
    public Guid HostId { get; }
    public string Datacenter { get; }
    public string Rack { get; }
    public string CassandraVersion { get; }

    /// <summary>As far as the driver knows.</summary>
    public bool IsUp
    {
        get => _isUp;
        internal set => _isUp = value;
    }

    internal IReadOnlyList<string> Tokens { get; }

    public override string ToString() => $"{Address} ({Datacenter}/{Rack})";
}
