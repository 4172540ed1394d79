using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Cassandra;
using Chat.Cells.Cell.Engines;
using Chat.Cells.Cell.Engines.Cassandra;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Microsoft.Extensions.Logging.Abstractions;
using ISession = Cassandra.ISession;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

/// <summary>
/// The ring that CASSANDRA_CONTACT_POINTS names (with CASSANDRA_LOCAL_DATACENTER, default datacenter1; CASSANDRA_USERNAME and CASSANDRA_PASSWORD where it asks for them;
/// CASSANDRA_CA_FILE where it wants TLS; CASSANDRA_REPLICATION, default 1), and a keyspace of its own for each test class, dropped at the end.
/// </summary>
public sealed class CassandraRing : IAsyncLifetime
{
    private Cluster? cluster;
    private ISession? session;

    public static IReadOnlyList<string> ContactPoints { get; } =
        (Environment.GetEnvironmentVariable("CASSANDRA_CONTACT_POINTS") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public static string Datacenter { get; } = Environment.GetEnvironmentVariable("CASSANDRA_LOCAL_DATACENTER") ?? "datacenter1";

    public string Keyspace { get; } = $"test_{Guid.NewGuid():N}";

    internal ISession Session => session ?? throw new InvalidOperationException("Not connected.");

    /// <summary>Of its oldest node.</summary>
    public string? Version => session?.Hosts.Select(host => host.CassandraVersion).Min();

    public CassandraStoreOptions Options => new()
    {
        ContactPoints = ContactPoints,
        Datacenter = Datacenter,
        Keyspace = Keyspace,
        Replication = int.Parse(Environment.GetEnvironmentVariable("CASSANDRA_REPLICATION") ?? "1", CultureInfo.InvariantCulture),
        Credentials = Credentials,
        CertificateAuthorities = Authorities,
        StartTimeout = TimeSpan.FromMinutes(3),
    };

    private static (string, string)? Credentials =>
        Environment.GetEnvironmentVariable("CASSANDRA_USERNAME") is { Length: > 0 } name ? (name, Environment.GetEnvironmentVariable("CASSANDRA_PASSWORD") ?? "") : null;

    private static X509Certificate2Collection? Authorities
    {
        get
        {
            if (Environment.GetEnvironmentVariable("CASSANDRA_CA_FILE") is not { Length: > 0 } file) return null;
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(file);
            return authorities;
        }
    }

    public async ValueTask<CassandraStore> OpenAsync(TimeProvider? time = null, Func<CassandraStoreOptions, CassandraStoreOptions>? change = null) =>
        await CassandraStore.OpenAsync(change is null ? Options : change(Options), time ?? TimeProvider.System, NullLoggerFactory.Instance, default);

    // Called for skipped tests as well.
    public async Task InitializeAsync()
    {
        if (Lack.Of(Needed.Cassandra) is not null) return;
        cluster = new Cluster(new ClusterOptions { ContactPoints = ContactPoints, LocalDatacenter = Datacenter, Credentials = Credentials, Tls = Authorities is { } ca ? _ => CertificateTrust.In(ca) : null });
        session = await cluster.ConnectAsync(default);
    }

    public async Task DisposeAsync()
    {
        if (session is not null) await DropAsync(Keyspace);
        if (cluster is not null) await cluster.DisposeAsync();
    }

    public Task DropAsync(string keyspace) => Session.ExecuteAsync(new SimpleStatement($"DROP KEYSPACE IF EXISTS {keyspace}").SetTimeout(TimeSpan.FromSeconds(60)));
}

/// <summary>A clock that runs as ever but shows another time.</summary>
internal sealed class ShiftedTime(TimeSpan shift) : TimeProvider
{
    public static ShiftedTime At(long unixMilliseconds) => new(DateTimeOffset.FromUnixTimeMilliseconds(unixMilliseconds) - DateTimeOffset.UtcNow);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UtcNow + shift;
}
