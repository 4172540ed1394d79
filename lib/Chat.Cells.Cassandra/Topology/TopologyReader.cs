using System.Net;
using Cassandra.Connections;
using Cassandra.Protocol;

namespace Cassandra;

/// <summary>Reads hosts and replication from a node's system tables.</summary>
internal static class TopologyReader
{
    private const string Columns = "host_id, data_center, rack, tokens, release_version";

    public static async Task<IReadOnlyList<Host>> ReadHostsAsync(Connection connection, IReadOnlyDictionary<Guid, Host> known, ConnectionSettings settings, CancellationToken cancellationToken)
    {
        var hosts = new List<Host>();
        var local = await QueryAsync(connection, $"SELECT {Columns} FROM system.local WHERE key = 'local'", settings.RequestTimeout, cancellationToken);
        foreach (var row in local) Add(hosts, known, row, connection.Host);
        foreach (var (row, address) in await ReadPeersAsync(connection, settings.RequestTimeout, cancellationToken)) Add(hosts, known, row, settings.Translate(address));
        return hosts;
    }

    public static async Task<IReadOnlyDictionary<string, Replication>> ReadKeyspacesAsync(Connection connection, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var keyspaces = new Dictionary<string, Replication>();
        foreach (var row in await QueryAsync(connection, "SELECT keyspace_name, replication FROM system_schema.keyspaces", timeout, cancellationToken))
        {
            var options = row.GetMap<string, string>("replication");
            if (Replication.Parse(options) is { } replication) keyspaces[row.GetValue<string>("keyspace_name")] = replication;
        }
        return keyspaces;
    }

    // Cassandra 4 has the native port of each peer in peers_v2; older ones share the contact point's.
    private static async Task<List<(Row Row, IPEndPoint Address)>> ReadPeersAsync(Connection connection, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            var rows = await QueryAsync(
                connection, $"SELECT {Columns}, native_address, native_port FROM system.peers_v2", timeout, cancellationToken);
            return [.. rows.Where(r => !r.IsNull("native_address")).Select(r => (r, new IPEndPoint(r.GetValue<IPAddress>("native_address"), r.GetValue<int>("native_port"))))];
        }
        catch (InvalidQueryException)
        {
            var rows = await QueryAsync(connection, $"SELECT {Columns}, peer, rpc_address FROM system.peers", timeout, cancellationToken);
            return [.. rows.Where(r => !r.IsNull("rpc_address")).Select(r => (r, new IPEndPoint(Reachable(r), connection.Host.Port)))];
        }

        // A node that listens everywhere says so instead of where; its peers' address of it is the next best.
        static IPAddress Reachable(Row row) => row.GetValue<IPAddress>("rpc_address") is var a && (a.Equals(IPAddress.Any) || a.Equals(IPAddress.IPv6Any)) ? row.GetValue<IPAddress>("peer") : a;
    }

    private static void Add(List<Host> hosts, IReadOnlyDictionary<Guid, Host> known, Row row, IPEndPoint address)
    {
        // A row that is still being gossiped lacks columns: the next refresh has it whole.
        if (row.IsNull("host_id") || row.IsNull("data_center") || row.IsNull("rack") || row.IsNull("tokens")) return;
        var id = row.GetValue<Guid>("host_id");
        var tokens = row.GetList<string>("tokens");
        // Replaced nodes can leave a second row behind.
        if (hosts.Exists(h => h.HostId == id)) return;
        var datacenter = row.GetValue<string>("data_center");
        var rack = row.GetValue<string>("rack");
        if (known.TryGetValue(id, out var host) && host.Address.Equals(address) && host.Datacenter == datacenter && host.Rack == rack && host.Tokens.SequenceEqual(tokens))
        {
            hosts.Add(host);
            return;
        }
        hosts.Add(new Host(address, id, datacenter, rack, tokens, row.IsNull("release_version") ? "" : row.GetValue<string>("release_version")));
    }

    /// <summary>All rows of a small table, from this very node.</summary>
    public static async Task<RowSet> QueryAsync(Connection connection, string cql, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var request = Requests.Query(cql, new QueryParameters { Consistency = ConsistencyLevel.One }, connection.Version);
        var result = await connection.RequestAsync(request, (opcode, body) => Result.Read(opcode, body, connection.Version, known: null) as RowsResult ?? throw new DriverInternalError("A SELECT brought no rows."), timeout, cancellationToken);
        return new RowSet(result, next: null);
    }
}
