using System.Net;
using Cassandra.Connections;
using Cassandra.Protocol;

namespace Cassandra;

/// <summary>Reads hosts and replication from a node's system tables.</summary>
internal static class TopologyReader
{
    private const string Columns = "host_id, data_center, rack, tokens, release_version, rpc_address";

    public static async Task<IReadOnlyList<Host>> ReadHostsAsync(Connection connection, IReadOnlyDictionary<Guid, Host> known, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var hosts = new List<Host>();
        var local = await QueryAsync(connection, $"SELECT {Columns} FROM system.local WHERE key = 'local'", timeout, cancellationToken);
        foreach (var row in local) Add(hosts, known, row, connection.Host);
        foreach (var (row, address) in await ReadPeersAsync(connection, timeout, cancellationToken)) Add(hosts, known, row, address);
        return hosts;
    }

    public static async Task<IReadOnlyDictionary<string, Replication>> ReadKeyspacesAsync(Connection connection, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var keyspaces = new Dictionary<string, Replication>();
        foreach (var row in await QueryAsync(connection, "SELECT keyspace_name, replication FROM system_schema.keyspaces", timeout, cancellationToken))
        {
            var options = row.GetValue<Dictionary<object, object?>>("replication").ToDictionary(o => (string)o.Key, o => (string)o.Value!);
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
                connection, "SELECT host_id, data_center, rack, tokens, release_version, native_address, native_port FROM system.peers_v2", timeout, cancellationToken);
            return [.. rows.Where(r => !r.IsNull("native_address")).Select(r => (r, new IPEndPoint(r.GetValue<IPAddress>("native_address"), r.GetValue<int>("native_port"))))];
        }
        catch (InvalidQueryException)
        {
            var rows = await QueryAsync(connection, $"SELECT {Columns} FROM system.peers", timeout, cancellationToken);
            return [.. rows.Where(r => !r.IsNull("rpc_address")).Select(r => (r, new IPEndPoint(r.GetValue<IPAddress>("rpc_address"), connection.Host.Port)))];
        }
    }

    private static void Add(List<Host> hosts, IReadOnlyDictionary<Guid, Host> known, Row row, IPEndPoint address)
    {
        // A row that is still being gossiped lacks columns: the next refresh has it whole.
        if (row.IsNull("host_id") || row.IsNull("data_center") || row.IsNull("rack") || row.IsNull("tokens")) return;
        var id = row.GetValue<Guid>("host_id");
        var tokens = row.GetValue<List<object?>>("tokens").Select(t => (string)t!).ToList();
        var datacenter = row.GetValue<string>("data_center");
        var rack = row.GetValue<string>("rack");
        if (known.TryGetValue(id, out var host) && host.Address.Equals(address) && host.Datacenter == datacenter && host.Rack == rack && host.Tokens.SequenceEqual(tokens))
        {
            hosts.Add(host);
            return;
        }
        hosts.Add(new Host(address, id, datacenter, rack, tokens, row.IsNull("release_version") ? "" : row.GetValue<string>("release_version")));
    }

    private static async Task<RowSet> QueryAsync(Connection connection, string cql, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var request = Requests.Query(cql, new QueryParameters { Consistency = ConsistencyLevel.One }, connection.Version);
        var result = await connection.RequestAsync(request, (_, body) => Read(body, connection.Version), timeout, cancellationToken);
        return new RowSet(result, next: null);
    }

    private static RowsResult Read(ReadOnlyMemory<byte> body, byte version)
    {
        var reader = new BodyReader(body);
        return Result.Read(ref reader, version, known: null) as RowsResult ?? throw new DriverInternalError("A SELECT brought no rows.");
    }
}
