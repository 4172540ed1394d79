using System.Globalization;
using Cassandra;
using Chat.Cells.Cell.Ports;
using ISession = Cassandra.ISession;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>Makes the keyspace, and brings its tables to this program's version; any number of servers may do so at once.</summary>
internal sealed partial class SchemaSetup(ISession session, CassandraStoreOptions options, TimeProvider time, ILogger logger)
{
    private const string Scope = "store";
    private const int LockSeconds = 60;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AgreementLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ChangeTimeout = TimeSpan.FromSeconds(60);

    private readonly string keyspace = options.Keyspace;

    /// <exception cref="StoreException">Somebody has to change something: the message says what.</exception>
    /// <exception cref="DriverException">The ring can't do it now, or refuses.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await EnsureKeyspaceAsync(cancellationToken);
        // Also where another server made it: the next statement may go to a node that hasn't heard of it.
        await AwaitAgreementAsync(cancellationToken);
        await EnsureTableAsync(Migrations.Lock, cancellationToken);
        await EnsureTableAsync(Migrations.Versions, cancellationToken);
        await AwaitAgreementAsync(cancellationToken);
        await AwaitTableAsync(Migrations.Lock, cancellationToken);
        await AwaitTableAsync(Migrations.Versions, cancellationToken);
        var owner = $"{Environment.MachineName}/{Ulid.NewUlid()}";
        while (await ReadVersionAsync(cancellationToken) < Migrations.Count)
        {
            if (await TryLockAsync(owner, cancellationToken)) await MigrateAsync(owner, cancellationToken);
            else await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private async Task EnsureKeyspaceAsync(CancellationToken cancellationToken)
    {
        var nodes = session.Hosts.Count(host => host.Datacenter == options.Datacenter);
        if (await ReadReplicationAsync(cancellationToken) is not { } replication)
        {
            if (nodes < options.Replication)
            {
                throw new StoreException(
                    $"--cassandra-replication {options.Replication} needs as many nodes; the Cassandra datacenter '{options.Datacenter}' has {nodes}. Give a lower number for a small ring.");
            }
            await ChangeAsync(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy', '{options.Datacenter.Replace("'", "''", StringComparison.Ordinal)}': {options.Replication}}}"),
                cancellationToken);
            LogKeyspace(keyspace, options.Replication, options.Datacenter);
            return;
        }
        var copies = CopiesIn(replication);
        if (copies < options.Replication)
        {
            throw new StoreException(
                $"The Cassandra keyspace {keyspace} has {copies} copies in the datacenter '{options.Datacenter}', --cassandra-replication says {options.Replication}: "
                + "alter the keyspace and repair it, or give what it has.");
        }
        if (copies > options.Replication) LogMoreCopies(keyspace, copies, options.Datacenter, options.Replication);
        if (nodes < (copies / 2) + 1)
        {
            throw new StoreException(
                $"The Cassandra keyspace {keyspace} has {copies} copies in the datacenter '{options.Datacenter}', which has {nodes} nodes: there is no quorum. Add nodes, or alter the keyspace.");
        }
    }

    private async Task<IReadOnlyDictionary<string, string>?> ReadReplicationAsync(CancellationToken cancellationToken)
    {
        var rows = await session.ExecuteAsync(Local($"SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = '{keyspace}'"), cancellationToken);
        return rows.FirstOrDefault()?.GetMap<string, string>("replication");
    }

    private int CopiesIn(IReadOnlyDictionary<string, string> replication)
    {
        var strategy = replication.GetValueOrDefault("class", "");
        if (!strategy.EndsWith("NetworkTopologyStrategy", StringComparison.Ordinal))
        {
            throw new StoreException($"The Cassandra keyspace {keyspace} has {strategy}; the store needs NetworkTopologyStrategy. Alter the keyspace, or name another with --cassandra-keyspace.");
        }
        // Transient replication is written "3/1": 3 in all.
        return int.TryParse(replication.GetValueOrDefault(options.Datacenter, "0").Split('/')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var copies) ? copies : 0;
    }

    private async Task EnsureTableAsync(Migrations.Table table, CancellationToken cancellationToken)
    {
        // Looked for first: who may only read and write need not be let create what is there.
        var found = await session.ExecuteAsync(Local($"SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{keyspace}' AND table_name = '{table.Name}'"), cancellationToken);
        if (found.Count == 0) await ChangeAsync(table.Create(keyspace), cancellationToken);
    }

    /// <summary>A node lists a table that another server is making a moment before it takes statements about it, and says till then that there is none.</summary>
    private async Task AwaitTableAsync(Migrations.Table table, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                await session.ExecuteAsync(new SimpleStatement($"SELECT * FROM {keyspace}.{table.Name} LIMIT 1").SetIdempotence(true), cancellationToken);
                return;
            }
            catch (InvalidQueryException) when (time.GetElapsedTime(started) < AgreementLimit)
            {
                await Task.Delay(Pause, time, cancellationToken);
            }
        }
    }

    private async Task<int> ReadVersionAsync(CancellationToken cancellationToken)
    {
        var rows = await session.ExecuteAsync(new SimpleStatement($"SELECT version FROM {keyspace}.schema_versions WHERE scope = '{Scope}' LIMIT 1").SetIdempotence(true), cancellationToken);
        var version = rows.FirstOrDefault()?.GetValue<int>("version") ?? 0;
        return version <= Migrations.Count
            ? version
            : throw new StoreException($"The Cassandra keyspace {keyspace} has schema {version}; this program knows up to {Migrations.Count}. Use the program that wrote it, or a newer one.");
    }

    /// <summary>The lock expires by itself: a holder that died is followed after a minute.</summary>
    private async Task<bool> TryLockAsync(string owner, CancellationToken cancellationToken)
    {
        try
        {
            return (await ExecuteAsync($"INSERT INTO {keyspace}.schema_lock (name, owner) VALUES ('{Scope}', '{owner}') IF NOT EXISTS USING TTL {LockSeconds}", cancellationToken)).WasApplied;
        }
        catch (DriverException e) when (StoreErrors.IsOutcomeOpen(e))
        {
            // Perhaps ours now: whether it is, renewing it says.
            return await RenewAsync(owner, cancellationToken);
        }
    }

    private async Task<bool> RenewAsync(string owner, CancellationToken cancellationToken) =>
        (await ExecuteAsync($"UPDATE {keyspace}.schema_lock USING TTL {LockSeconds} SET owner = '{owner}' WHERE name = '{Scope}' IF owner = '{owner}'", cancellationToken)).WasApplied;

    private async Task MigrateAsync(string owner, CancellationToken cancellationToken)
    {
        try
        {
            for (var version = await ReadVersionAsync(cancellationToken); version < Migrations.Count; version++)
            {
                foreach (var table in Migrations.All[version])
                {
                    if (!await RenewAsync(owner, cancellationToken)) return;
                    await ChangeAsync(table.Create(keyspace), cancellationToken);
                }
                await AwaitAgreementAsync(cancellationToken);
                if (!await RenewAsync(owner, cancellationToken)) return;
                var done = version + 1;
                await session.ExecuteAsync(
                    new SimpleStatement($"INSERT INTO {keyspace}.schema_versions (scope, version) VALUES ('{Scope}', {done}) USING TIMESTAMP {done}").SetIdempotence(true), cancellationToken);
                LogMigrated(keyspace, done);
            }
        }
        finally
        {
            await UnlockAsync(owner);
        }
    }

    private async Task UnlockAsync(string owner)
    {
        try
        {
            await ExecuteAsync($"DELETE FROM {keyspace}.schema_lock WHERE name = '{Scope}' IF owner = '{owner}'", CancellationToken.None);
        }
        catch (DriverException e)
        {
            LogNotUnlocked(keyspace, LockSeconds, e.Message);
        }
    }

    private async Task ChangeAsync(string cql, CancellationToken cancellationToken)
    {
        // The driver waits a while for agreement; whoever needs it for certain awaits it.
        await session.ExecuteAsync(new SimpleStatement(cql).SetTimeout(ChangeTimeout).SetIdempotence(true), cancellationToken);
    }

    private Task<RowSet> ExecuteAsync(string cql, CancellationToken cancellationToken) => session.ExecuteAsync(new SimpleStatement(cql), cancellationToken);

    /// <summary>Waits until all nodes of the datacenter that are up have one schema: the next statement may go to any of them.</summary>
    private async Task AwaitAgreementAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var up = session.Hosts.Where(host => host.IsUp && host.Datacenter == options.Datacenter).Select(host => host.HostId).ToHashSet();
            var versions = new HashSet<Guid>();
            foreach (var row in await session.ExecuteAsync(Local("SELECT host_id, schema_version FROM system.local WHERE key = 'local'"), cancellationToken)) Add(row);
            foreach (var row in await session.ExecuteAsync(Local("SELECT host_id, schema_version FROM system.peers"), cancellationToken)) Add(row);
            if (versions.Count <= 1) return;
            if (time.GetElapsedTime(started) > AgreementLimit)
            {
                throw new SchemaNotAgreedException($"The nodes have {versions.Count} different schemas for more than {AgreementLimit.TotalSeconds:0} s; see nodetool describecluster.");
            }
            await Task.Delay(Pause, time, cancellationToken);

            void Add(Row row)
            {
                if (row.IsNull("host_id") || row.IsNull("schema_version") || !up.Contains(row.GetValue<Guid>("host_id"))) return;
                versions.Add(row.GetValue<Guid>("schema_version"));
            }
        }
    }

    /// <summary>A node's own tables.</summary>
    private static SimpleStatement Local(string cql) => new SimpleStatement(cql).SetConsistencyLevel(ConsistencyLevel.One).SetIdempotence(true);

    [LoggerMessage(500, LogLevel.Information, "Made the Cassandra keyspace {Keyspace} with {Copies} copies in {Datacenter}.")]
    private partial void LogKeyspace(string keyspace, int copies, string datacenter);

    [LoggerMessage(501, LogLevel.Warning, "The Cassandra keyspace {Keyspace} has {Copies} copies in {Datacenter}, more than --cassandra-replication {Replication}.")]
    private partial void LogMoreCopies(string keyspace, int copies, string datacenter, int replication);

    [LoggerMessage(502, LogLevel.Information, "The Cassandra keyspace {Keyspace} has schema {Version} now.")]
    private partial void LogMigrated(string keyspace, int version);

    [LoggerMessage(503, LogLevel.Warning, "The schema lock of the Cassandra keyspace {Keyspace} could not be given back; it expires within {Seconds} s: {Reason}")]
    private partial void LogNotUnlocked(string keyspace, int seconds, string reason);
}
