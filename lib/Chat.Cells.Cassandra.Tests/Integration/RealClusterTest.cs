using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Cassandra.Tests.Integration;

/// <summary>
/// A session on a real cluster, in a keyspace of its own that is dropped afterwards. CASSANDRA_CONTACT_POINTS says where, CASSANDRA_LOCAL_DATACENTER which datacenter (datacenter1);
/// CASSANDRA_USERNAME with CASSANDRA_PASSWORD, and CASSANDRA_CA (a PEM file), where the cluster asks for credentials and TLS.
/// </summary>
public abstract class RealClusterTest : IAsyncLifetime
{
    private Cluster? _cluster;
    private ISession? _session;

    protected static string Datacenter => Environment.GetEnvironmentVariable("CASSANDRA_LOCAL_DATACENTER") ?? "datacenter1";

    protected string Keyspace { get; } = $"driver_{Guid.NewGuid():N}";

    protected ISession Session => _session ?? throw new InvalidOperationException("Not connected.");

    // Called for skipped tests as well.
    public async Task InitializeAsync()
    {
        if (ClusterFactAttribute.ContactPoints.Count == 0) return;
        _cluster = new Cluster(NewOptions());
        _session = await _cluster.ConnectAsync(CancellationToken.None);
        await CreateKeyspaceAsync(Keyspace, 1);
    }

    public async Task DisposeAsync()
    {
        if (_session is not null) await DropKeyspaceAsync(Keyspace);
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    /// <summary>A keyspace with so many replicas in every datacenter.</summary>
    protected async Task CreateKeyspaceAsync(string name, int replicas)
    {
        var datacenters = string.Join(", ", Session.Hosts.Select(h => h.Datacenter).Distinct().Select(d => $"'{d}': {replicas}"));
        var created = await Session.ExecuteAsync(new SimpleStatement($"CREATE KEYSPACE {name} WITH replication = {{'class': 'NetworkTopologyStrategy', {datacenters}}}").SetTimeout(TimeSpan.FromSeconds(60)));
        Assert.True(created.IsSchemaInAgreement);
    }

    protected Task DropKeyspaceAsync(string name) => Session.ExecuteAsync(new SimpleStatement($"DROP KEYSPACE IF EXISTS {name}").SetTimeout(TimeSpan.FromSeconds(60)));

    /// <summary>The table <c>t</c> with the key <c>a</c>, clustered by <c>b</c>; a statement that inserts a row.</summary>
    protected async Task<PreparedStatement> NewTableAsync()
    {
        await Session.ExecuteAsync(new SimpleStatement($"CREATE TABLE {Keyspace}.t (a int, b int, PRIMARY KEY (a, b))"));
        return await Session.PrepareAsync($"INSERT INTO {Keyspace}.t (a, b) VALUES (?, ?)");
    }

    /// <summary>The table <c>kv</c>: a key and a text.</summary>
    protected Task NewTextTableAsync(string keyspace) => Session.ExecuteAsync(new SimpleStatement($"CREATE TABLE {keyspace}.kv (k text PRIMARY KEY, v text)"));

    protected static ClusterOptions NewOptions() => new()
    {
        ContactPoints = ClusterFactAttribute.ContactPoints,
        LocalDatacenter = Datacenter,
        Credentials = ClusterFactAttribute.UserName is { } user ? (user, Environment.GetEnvironmentVariable("CASSANDRA_PASSWORD") ?? "") : null,
        Tls = Environment.GetEnvironmentVariable("CASSANDRA_CA") is { Length: > 0 } ca ? host => TrustOnly(ca, host.Address.ToString()) : null,
        // A machine that also runs the servers may be slow to answer.
        QueryOptions = new QueryOptions { Timeout = TimeSpan.FromSeconds(30) },
    };

    private static SslClientAuthenticationOptions TrustOnly(string file, string host)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(file);
        return new SslClientAuthenticationOptions { TargetHost = host, CertificateChainPolicy = policy };
    }
}
