using System.Globalization;
using System.Security.Cryptography;
using Chat.Cells.Cell.Hosting;

namespace Chat.Cells.Processes.Engines;

/// <summary>Chooses and starts the engine of each port for one run.</summary>
internal sealed class PortEngines(EngineRequest request, RealServers given, IReadOnlyList<CellSpec> cells)
{
    public static readonly PortEngine SegmentFiles = new("embedded", "embedded segment files", []);
    public static readonly PortEngine SqliteFile = new("embedded", "embedded SQLite, one file per cell", []);
    public static readonly PortEngine Memory = new("embedded", "embedded, in memory", []);

    /// <summary>The mock lets each rebalance wait for a whole session, even when all members have come; a session as long as a real broker's would be most of a short run.</summary>
    private const string MockSession = "session.timeout.ms=4000\n";

    private string Folder => Path.Combine(request.Data, "engines");

    private string FetchWait => request.MockFetchWait is { } wait ? string.Create(CultureInfo.InvariantCulture, $"fetch.wait.max.ms={(int)wait.TotalMilliseconds}\n") : "";

    public async Task<PortEngine> StartLogAsync(CancellationToken cancellationToken)
    {
        if (given.Kafka is { } servers)
        {
            var names = new KafkaNames(servers, cells);
            var brokers = await names.CountBrokersAsync(cancellationToken);
            var copies = Math.Min(3, brokers);
            var inSync = Math.Max(1, copies - 1);
            return new PortEngine(
                "kafka",
                $"Kafka at {servers}: {brokers} {(brokers == 1 ? "broker" : "brokers")}, so {copies} {(copies == 1 ? "copy" : "copies")} of each partition, {inSync} in sync before an ack; few partitions",
                [
                    "--log", "kafka", "--kafka-bootstrap", servers, "--topics", "small",
                    "--kafka-replication", copies.ToString(CultureInfo.InvariantCulture), "--kafka-min-isr", inSync.ToString(CultureInfo.InvariantCulture),
                ])
            { Clean = names.RemoveAsync };
        }
        if (!request.Shared) return Missing(SegmentFiles, RealServers.KafkaVariable);
        var (process, bootstrap) = await KafkaMockProgram.StartAsync(Folder, cells, cancellationToken);
        return Missing(new PortEngine(
            "kafka-mock",
            $"librdkafka's mock Kafka at {bootstrap}, in memory",
            ["--log", "kafka", "--kafka-bootstrap", bootstrap, "--kafka-topics", "external", "--topics", "small"])
        { Process = process, Secrets = new Dictionary<string, string> { [KafkaSettings.SecretsFile] = MockSession + FetchWait } }, RealServers.KafkaVariable);
    }

    public async Task<PortEngine> StartStoreAsync(CancellationToken cancellationToken)
    {
        if (given.Cassandra is not { } nodes) return Missing(request.Shared ? SqliteFile with { Line = "SQLite, one file per cell, shared by its processes" } : SqliteFile, RealServers.CassandraVariable);
        var names = new CassandraNames(given, cells);
        var count = await names.CountNodesAsync(cancellationToken);
        var copies = Math.Min(3, count);
        var secrets = new Dictionary<string, string>();
        if (given.CassandraCredentials is var (user, password)) (secrets["cassandra-username"], secrets["cassandra-password"]) = (user, password);
        return new PortEngine(
            "cassandra",
            $"Cassandra at {nodes}, datacenter {given.CassandraDatacenter}: {count} {(count == 1 ? "node" : "nodes")}, so {copies} {(copies == 1 ? "copy" : "copies")} of each row",
            [
                "--store", "cassandra", "--cassandra", nodes, "--cassandra-datacenter", given.CassandraDatacenter,
                "--cassandra-replication", copies.ToString(CultureInfo.InvariantCulture),
            ])
        { Secrets = secrets, Clean = names.RemoveAsync };
    }

    public async Task<PortEngine> StartStateAsync(CancellationToken cancellationToken)
    {
        if (given.Redis is { } endpoint)
        {
            return new PortEngine("redis", $"Redis at {endpoint}", ["--state", "redis", "--redis", endpoint])
            {
                Secrets = PasswordFile(given.RedisPassword),
                Clean = new RedisNames(endpoint, given.RedisPassword, cells).RemoveAsync,
            };
        }
        if (!request.Shared) return Missing(Memory, RealServers.RedisVariable);
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var ports = new FreePorts();
        var port = ports.Next();
        var process = await RedisProgram.StartAsync(Folder, port, password, cancellationToken);
        var own = $"127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}";
        return Missing(new PortEngine("redis", $"a redis-server of the run at {own}", ["--state", "redis", "--redis", own]) { Secrets = PasswordFile(password), Process = process, Ports = ports }, RealServers.RedisVariable);
    }

    private static Dictionary<string, string> PasswordFile(string? password) => password is null ? [] : new Dictionary<string, string> { ["redis-password"] = password };

    /// <summary>Says which variable would have named a server.</summary>
    private PortEngine Missing(PortEngine engine, string variable) => request.Real || (request.Shared && variable == RealServers.CassandraVariable) ? engine with { Line = $"{engine.Line} ({variable} is not set)" } : engine;
}
