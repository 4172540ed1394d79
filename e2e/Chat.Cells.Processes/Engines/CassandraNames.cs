using Cassandra;

namespace Chat.Cells.Processes.Engines;

/// <summary>What cells keep in a Cassandra ring that outlives the run: a keyspace each.</summary>
internal sealed class CassandraNames(RealServers given, IReadOnlyList<CellSpec> cells)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    /// <summary>The nodes of the local datacenter.</summary>
    /// <exception cref="ClusterException">It does not answer, or has no such datacenter.</exception>
    public async Task<int> CountNodesAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var cluster = Build(given);
            var session = await cluster.ConnectAsync(cancellationToken);
            // Both queries go to one host, whose peers are all the others.
            var peers = await session.ExecuteAsync(new SimpleStatement("SELECT data_center FROM system.peers"), cancellationToken);
            return 1 + peers.Count(row => row.GetValue<string>("data_center") == given.CassandraDatacenter);
        }
        catch (DriverException e)
        {
            throw new ClusterException($"Cassandra at {given.Cassandra}, datacenter {given.CassandraDatacenter} ({RealServers.CassandraVariable}, {RealServers.CassandraDatacenterVariable}) can't be used: {e.Message}", e);
        }
    }

    public async Task RemoveAsync(CancellationToken cancellationToken)
    {
        await using var cluster = Build(given);
        var session = await cluster.ConnectAsync(cancellationToken);
        foreach (var cell in cells) await session.ExecuteAsync(new SimpleStatement($"DROP KEYSPACE IF EXISTS {KeyspaceOf(cell)}").SetTimeout(Timeout), cancellationToken);
    }

    /// <summary>As the cell's server names it.</summary>
    public static string KeyspaceOf(CellSpec cell) => "chat_" + cell.Name.Replace('-', '_');

    public static Cluster Build(RealServers given) => new(new ClusterOptions
    {
        ContactPoints = given.Cassandra!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
        LocalDatacenter = given.CassandraDatacenter,
        Credentials = given.CassandraCredentials,
    });
}
