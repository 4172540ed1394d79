using System.Net;
using System.Security.Cryptography.X509Certificates;
using Session = Cassandra.ISession;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>How to reach the ring, and how the store behaves on it.</summary>
public sealed record CassandraStoreOptions
{
    /// <summary>Nodes to begin with: <c>host</c> or <c>host:port</c>.</summary>
    public required IReadOnlyList<string> ContactPoints { get; init; }

    /// <summary>Where nodes are reached that tell of addresses which can't be.</summary>
    public IReadOnlyDictionary<IPEndPoint, IPEndPoint> Addresses { get; init; } = new Dictionary<IPEndPoint, IPEndPoint>();

    /// <summary>The cell's datacenter, as the ring spells it. Statements go nowhere else.</summary>
    public required string Datacenter { get; init; }

    /// <summary>The cell's keyspace: a-z, 0-9 and underscores, at most 48. Made when it isn't there.</summary>
    public required string Keyspace { get; init; }

    /// <summary>Copies in the datacenter. A keyspace that has fewer is refused.</summary>
    public int Replication { get; init; } = 3;

    /// <summary>For PasswordAuthenticator; null for a ring that asks for nothing. Never logged.</summary>
    public (string UserName, string Password)? Credentials { get; init; }

    /// <summary>Who may have signed the nodes' certificates; null for no TLS.</summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>Asked instead of <see cref="Credentials"/> for each new connection: the secret may have been changed. Null: they never change.</summary>
    public Func<(string UserName, string Password)?>? ReadCredentials { get; init; }

    /// <summary>Asked instead of <see cref="CertificateAuthorities"/> for each new connection, where there were any at the start. Null: they never change.</summary>
    public Func<X509Certificate2Collection>? ReadAuthorities { get; init; }

    /// <summary>How long requests are kept, from their append time.</summary>
    public TimeSpan RequestMemory { get; init; } = Ports.RequestRow.KeptFor;

    /// <summary>Most statements of writes in flight at once, over all batches; as many reads may be beside them.</summary>
    public int MaxInFlight { get; init; } = 256;

    /// <summary>How long the driver waits for a node's answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(12);

    /// <summary>What stands between the store and its session: faults, in tests.</summary>
    internal Func<Session, Session>? Between { get; init; }

    /// <summary>How long opening waits for a ring that isn't there; afterwards it goes on in the background.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Without the secrets.</summary>
    public override string ToString() => $"Cassandra at {string.Join(',', ContactPoints)}, datacenter {Datacenter}, keyspace {Keyspace}";
}
