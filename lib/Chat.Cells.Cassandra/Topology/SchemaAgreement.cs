using Cassandra.Connections;

namespace Cassandra;

/// <summary>After a change of the schema: waits until the nodes that statements go to have the same one, so that the next may go to any of them.</summary>
internal static class SchemaAgreement
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <param name="hosts">Those of the local datacenter. Whether another one is up isn't known here, and a change must not wait for one that is down.</param>
    /// <returns>False when they still differ after 10 s, or the coordinator can't be asked any more: the change itself is made.</returns>
    public static async Task<bool> WaitAsync(Connection connection, IReadOnlyCollection<Host> hosts, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        try
        {
            while (true)
            {
                var up = hosts.Where(h => h.IsUp).Select(h => h.HostId).ToHashSet();
                var local = await TopologyReader.QueryAsync(connection, "SELECT host_id, schema_version FROM system.local WHERE key = 'local'", timeout, cancellationToken);
                var peers = await TopologyReader.QueryAsync(connection, "SELECT host_id, schema_version FROM system.peers", timeout, cancellationToken);
                var versions = local.Concat(peers.Where(p => !p.IsNull("host_id") && up.Contains(p.GetValue<Guid>("host_id")))).Select(r => r.GetValue<Guid?>("schema_version"));
                if (versions.Distinct().Count() <= 1) return true;
                if (time.GetElapsedTime(started) > Limit) return false;
                await Task.Delay(Pause, time, cancellationToken);
            }
        }
        catch (DriverException)
        {
            return false;
        }
    }
}
