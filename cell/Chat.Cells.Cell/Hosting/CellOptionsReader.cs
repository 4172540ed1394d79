using System.Globalization;

namespace Chat.Cells.Cell.Hosting;

/// <summary>Reads options from <c>--name value</c> (or <c>--name=value</c>) and, where a name isn't given, from <c>CHATCELLS_NAME</c> with dashes as underscores.</summary>
public static class CellOptionsReader
{
    private const int MaxServerIdLength = 100;

    /// <summary>The names, in the order of <c>--help</c>, with their meaning.</summary>
    public static readonly IReadOnlyList<(string Name, string Help)> Names =
    [
        ("cell", "the cell's name (required)"),
        ("number", "the cell's number, 1 to 65535 (required)"),
        ("region", "the cell's region (required)"),
        ("server-id", "this server's stable id in the cell (server-0)"),
        ("roles", "gateway,fanout,delivery"),
        ("data", "folder of the embedded engines (required)"),
        ("public", "URL that clients connect to (http://127.0.0.1:8080)"),
        ("internal", "URL that servers connect to (http://127.0.0.1:8081)"),
        ("cell-map", "file of the cell map; without it the cell stands alone"),
        ("secrets", "folder of the cell's keys and tokens (required)"),
        ("generate-secrets", "true: make a signing key and an internal token where there are none"),
        ("allowed-origins", "browser origins, separated by commas"),
        ("max-connections", "the most sockets at once (20000)"),
        ("log", "embedded, or kafka"),
        ("kafka-bootstrap", "Kafka's brokers to begin with, host:port separated by commas (required with --log kafka)"),
        ("kafka-replication", "copies of each Kafka partition (3)"),
        ("kafka-min-isr", "copies that must have a record before it is acked (2)"),
        ("kafka-topics", "managed, or external: somebody else makes the topics, the cell checks them (managed)"),
        ("kafka-prefix", "cell: topics and groups are {cell}.chat.…, so that cells may share a cluster; none: chat.… (cell)"),
        ("topics", "full or small: partitions of Kafka's topics, for life (full)"),
        ("store", "embedded, or cassandra"),
        ("cassandra", "Cassandra's nodes to begin with, host:port separated by commas (required with --store cassandra)"),
        ("cassandra-addresses", "where nodes are reached that tell of addresses which can't be: node-ip:port=ip:port separated by commas"),
        ("cassandra-datacenter", "the cell's Cassandra datacenter, as the ring spells it (required with --store cassandra)"),
        ("cassandra-keyspace", "the cell's keyspace (chat_ and the cell's name, with underscores for dashes)"),
        ("cassandra-replication", "copies of each row in the datacenter (3)"),
        ("state", "embedded, redis"),
        ("redis", "host:port of Redis, several of a cluster separated by commas; password in the secret redis-password"),
        ("messages-per-minute", "the most messages per minute and user; 0 for no limit (60)"),
        ("password-iterations", "PBKDF2-HMAC-SHA512 iterations of new password hashes (210000)"),
        ("access-token-minutes", "life of an access token (15)"),
        ("audit-per-second", "sends a second that the auditor follows to their recipients' inboxes; 0: none (20)"),
        ("drain-seconds", "how long a graceful stop may take (20)"),
    ];

    /// <exception cref="OptionsException">An unknown name, or a value that can't be used; the message says which and why.</exception>
    public static CellOptions Read(IReadOnlyList<string> arguments, Func<string, string?> environment)
    {
        var given = Split(arguments);
        string? Value(string name) => given.GetValueOrDefault(name) ?? NullIfEmpty(environment("CHATCELLS_" + name.Replace('-', '_').ToUpperInvariant()));
        string Required(string name) => Value(name) ?? throw new OptionsException($"--{name} is missing.");

        var options = new CellOptions
        {
            Cell = Label(Required("cell"), "cell"),
            Number = (ushort)Integer("number", Required("number"), 1, ushort.MaxValue),
            Region = Label(Required("region"), "region"),
            DataDirectory = Required("data"),
            SecretsDirectory = Required("secrets"),
            CellMapPath = Value("cell-map"),
            AllowedOrigins = List(Value("allowed-origins")),
        };
        if (Value("server-id") is { } serverId) options = options with { ServerId = CheckServerId(serverId) };
        if (Value("roles") is { } roles) options = options with { Roles = CheckRoles(List(roles)) };
        if (Value("public") is { } pub) options = options with { Public = Url("public", pub) };
        if (Value("internal") is { } intern) options = options with { Internal = Url("internal", intern) };
        if (Value("generate-secrets") is { } generate) options = options with { GenerateSecrets = Flag("generate-secrets", generate) };
        if (Value("max-connections") is { } max) options = options with { MaxConnections = Integer("max-connections", max, 1, 10_000_000) };
        if (Value("messages-per-minute") is { } rate) options = options with { MessagesPerMinute = Integer("messages-per-minute", rate, 0, 1_000_000) };
        if (Value("password-iterations") is { } n) options = options with { PasswordIterations = Integer("password-iterations", n, 1, 100_000_000) };
        if (Value("access-token-minutes") is { } min) options = options with { AccessTokenLifetime = TimeSpan.FromMinutes(Integer("access-token-minutes", min, 1, 1440)) };
        if (Value("drain-seconds") is { } drain) options = options with { DrainTimeout = TimeSpan.FromSeconds(Integer("drain-seconds", drain, 1, 3600)) };
        if (Value("audit-per-second") is { } audit) options = options with { AuditPerSecond = Integer("audit-per-second", audit, 0, 100_000) };
        var log = Engine("log", Value("log"), "kafka");
        options = ReadKafka(options, log, Value);
        var store = Engine("store", Value("store"), "cassandra");
        options = ReadCassandra(options, store, Value);
        var state = Engine("state", Value("state"), "redis");
        var redis = Value("redis") is { } nodes ? Endpoints("redis", nodes) : null;
        if (state == "redis" && redis is null) throw new OptionsException("--state redis needs --redis host:port.");
        return options with
        {
            Log = log,
            Store = store,
            State = state,
            Redis = redis,
        };
    }

    private static Dictionary<string, string> Split(IReadOnlyList<string> arguments)
    {
        var given = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < arguments.Count; i++)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal)) throw new OptionsException($"'{arguments[i]}' is not an option; options are --name value.");
            var name = arguments[i][2..];
            var equals = name.IndexOf('=', StringComparison.Ordinal);
            string value;
            if (equals >= 0) (name, value) = (name[..equals], name[(equals + 1)..]);
            else value = ++i < arguments.Count ? arguments[i] : throw new OptionsException($"--{name} has no value.");
            if (!Names.Any(n => n.Name == name)) throw new OptionsException($"--{name} is not known. Options: {string.Join(", ", Names.Select(n => "--" + n.Name))}.");
            given[name] = value;
        }
        return given;
    }

    private static string? NullIfEmpty(string? value) => string.IsNullOrEmpty(value) ? null : value;

    private static string[] List(string? value) => value?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    private static string Label(string value, string name) =>
        Topology.Names.IsLabel(value) ? value : throw new OptionsException($"--{name} '{value}' is not a name: a-z, 0-9 and inner dashes, at most {Topology.Names.MaxLength} characters.");

    private static bool Flag(string name, string value) =>
        bool.TryParse(value, out var flag) ? flag : throw new OptionsException($"--{name} '{value}' is neither true nor false.");

    private static int Integer(string name, string value, int min, int max) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max
            ? number
            : throw new OptionsException($"--{name} '{value}' is not a number from {min} to {max}.");

    private static Uri Url(string name, string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp && System.Net.IPAddress.TryParse(url.Host, out _)
            ? url
            : throw new OptionsException($"--{name} '{value}' is not http://IP:port.");

    private static CellOptions ReadKafka(CellOptions options, string log, Func<string, string?> value)
    {
        if (value("kafka-bootstrap") is { } bootstrap) options = options with { KafkaBootstrap = Endpoints("kafka-bootstrap", bootstrap) };
        if (value("kafka-replication") is { } copies) options = options with { KafkaReplication = Integer("kafka-replication", copies, 1, 100) };
        if (value("kafka-min-isr") is { } inSync) options = options with { KafkaMinInSync = Integer("kafka-min-isr", inSync, 1, 100) };
        if (value("kafka-topics") is { } made) options = options with { KafkaTopicsExternal = Choice("kafka-topics", made, "managed", "external") == "external" };
        if (value("kafka-prefix") is { } prefix) options = options with { KafkaPrefixed = Choice("kafka-prefix", prefix, "cell", "none") == "cell" };
        if (value("topics") is { } topics)
        {
            options = options with { SmallTopics = Choice("topics", topics, "full", "small") == "small" };
        }
        if (log != "kafka") return options;
        if (options.KafkaBootstrap is null) throw new OptionsException("--log kafka needs --kafka-bootstrap host:port,….");
        if (options.KafkaMinInSync > options.KafkaReplication)
        {
            throw new OptionsException($"--kafka-min-isr {options.KafkaMinInSync} is more than the {options.KafkaReplication} copies of --kafka-replication: nothing could be acked.");
        }
        return options;
    }

    private static string Choice(string name, string value, string first, string second) =>
        value == first || value == second ? value : throw new OptionsException($"--{name} '{value}' is neither {first} nor {second}.");

    private static CellOptions ReadCassandra(CellOptions options, string store, Func<string, string?> value)
    {
        if (value("cassandra") is { } nodes) options = options with { Cassandra = Endpoints("cassandra", nodes) };
        if (value("cassandra-addresses") is { } addresses) options = options with { CassandraAddresses = CassandraSettings.AddressesOf(addresses) };
        if (value("cassandra-datacenter") is { } datacenter) options = options with { CassandraDatacenter = datacenter };
        if (value("cassandra-keyspace") is { } keyspace)
        {
            if (!CassandraSettings.IsKeyspace(keyspace)) throw new OptionsException($"--cassandra-keyspace '{keyspace}' is not a keyspace's name: a-z, 0-9 and _, a letter first, at most 48.");
            options = options with { CassandraKeyspace = keyspace };
        }
        if (value("cassandra-replication") is { } copies) options = options with { CassandraReplication = Integer("cassandra-replication", copies, 1, 100) };
        if (store != "cassandra") return options;
        if (options.Cassandra is null) throw new OptionsException("--store cassandra needs --cassandra host:port,….");
        if (options.CassandraDatacenter is null) throw new OptionsException("--store cassandra needs --cassandra-datacenter.");
        return options;
    }

    private static string Engine(string name, string? value, params string[] others) =>
        value is null or "embedded" ? "embedded"
        : others.Contains(value, StringComparer.Ordinal) ? value
        : throw new OptionsException($"--{name} '{value}' is not an engine that this build has; it has: {string.Join(", ", ["embedded", .. others])}.");

    private static string Endpoints(string name, string value)
    {
        var nodes = List(value);
        foreach (var node in nodes)
        {
            var colon = node.LastIndexOf(':');
            if (colon <= 0 || Uri.CheckHostName(node[..colon].Trim('[', ']')) == UriHostNameType.Unknown
                || !ushort.TryParse(node.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0)
            {
                throw new OptionsException($"--{name} '{node}' is not host:port.");
            }
        }
        return nodes.Length > 0 ? string.Join(',', nodes) : throw new OptionsException($"--{name} names no host:port.");
    }

    /// <summary>Verdicts and hints are addressed by it, in Redis too: empty would be nobody.</summary>
    private static string CheckServerId(string value) =>
        value.Length is > 0 and <= MaxServerIdLength && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            ? value
            : throw new OptionsException($"--server-id '{value}' is not an id: letters, digits, dashes, dots and underscores, at most {MaxServerIdLength}.");

    private static string[] CheckRoles(string[] roles)
    {
        var unknown = roles.Except(CellOptions.AllRoles, StringComparer.Ordinal).ToArray();
        return unknown.Length == 0 && roles.Length > 0
            ? roles
            : throw new OptionsException($"--roles: '{string.Join(',', unknown)}' is not known; roles are {string.Join(", ", CellOptions.AllRoles)}.");
    }
}

/// <summary>The options can't be used; the message says why.</summary>
public sealed class OptionsException(string message) : Exception(message);
