using System.Net;

namespace Chat.Cells.Cell.Hosting;

/// <summary>Everything a cell's server can be told. The command line and the environment are read by <see cref="CellOptionsReader"/>.</summary>
public sealed record CellOptions
{
    /// <summary>The cell's name.</summary>
    public required string Cell { get; init; }

    /// <summary>The cell's number, 1 to 65535; never used twice.</summary>
    public required ushort Number { get; init; }

    public required string Region { get; init; }

    /// <summary>All that a cell's server can be.</summary>
    public static IReadOnlyList<string> AllRoles { get; } = ["gateway", "fanout", "delivery"];

    /// <summary>This server's stable id in the cell.</summary>
    public string ServerId { get; init; } = "server-0";

    public IReadOnlyList<string> Roles { get; init; } = AllRoles;

    /// <summary>Where the embedded engines keep their data.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Where clients connect: an address of this machine and a port; port 0 takes a free one.</summary>
    public Uri Public { get; init; } = new("http://127.0.0.1:8080");

    /// <summary>Where servers connect: health, metrics and <c>/internal/v1</c>.</summary>
    public Uri Internal { get; init; } = new("http://127.0.0.1:8081");

    /// <summary>The cell map's file; null for a cell that stands alone.</summary>
    public string? CellMapPath { get; init; }

    /// <summary>The folder of the cell's Secret: signing keys and tokens, one file each.</summary>
    public required string SecretsDirectory { get; init; }

    /// <summary>Makes a signing key and an internal token where the secrets folder has none: for tests and a cell that stands alone.</summary>
    public bool GenerateSecrets { get; init; }

    /// <summary>The browser origins that may open sockets and call the API.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    /// <summary>The most sockets at once; further ones are refused with 503.</summary>
    public int MaxConnections { get; init; } = 20_000;

    /// <summary>The most sockets of one user on one server; further ones are refused with 429, so that one account can't take everybody's room.</summary>
    public int MaxConnectionsPerUser { get; init; } = 100;

    /// <summary><c>embedded</c> or <c>kafka</c>.</summary>
    public string Log { get; init; } = "embedded";

    /// <summary>Kafka's brokers to begin with: <c>host:port</c>, separated by commas; null without Kafka.</summary>
    public string? KafkaBootstrap { get; init; }

    /// <summary>Copies of each Kafka partition.</summary>
    public int KafkaReplication { get; init; } = 3;

    /// <summary>Copies that must have a record before it is acked; at most <see cref="KafkaReplication"/>.</summary>
    public int KafkaMinInSync { get; init; } = 2;

    /// <summary>Somebody else makes Kafka's topics; the cell only checks that they are there.</summary>
    public bool KafkaTopicsExternal { get; init; }

    /// <summary>Topics and groups are named <c>{cell}.chat.…</c>, so that several cells may share a Kafka cluster; else <c>chat.…</c>.</summary>
    public bool KafkaPrefixed { get; init; } = true;

    /// <summary>Topics of a few partitions each, as the embedded log has them, on Kafka too. Partition counts are for life.</summary>
    public bool SmallTopics { get; init; }

    /// <summary><c>embedded</c> or <c>cassandra</c>.</summary>
    public string Store { get; init; } = "embedded";

    /// <summary>Cassandra's nodes to begin with: <c>host:port</c>, separated by commas; null without Cassandra.</summary>
    public string? Cassandra { get; init; }

    /// <summary>Where Cassandra's nodes are reached that tell of addresses which can't be: theirs, and ours.</summary>
    public IReadOnlyDictionary<IPEndPoint, IPEndPoint> CassandraAddresses { get; init; } = new Dictionary<IPEndPoint, IPEndPoint>();

    /// <summary>The Cassandra datacenter of this cell, as the ring spells it.</summary>
    public string? CassandraDatacenter { get; init; }

    /// <summary>The cell's keyspace; null for one named after the cell.</summary>
    public string? CassandraKeyspace { get; init; }

    /// <summary>Copies of each row in the datacenter.</summary>
    public int CassandraReplication { get; init; } = 3;

    public string State { get; init; } = "embedded";

    /// <summary>Redis's nodes as <c>host:port</c>, separated by commas; for the state <c>redis</c>. Its password is the secret <c>redis-password</c>.</summary>
    public string? Redis { get; init; }

    /// <summary>The most messages per minute and user; 0 for no limit.</summary>
    public int MessagesPerMinute { get; init; } = 60;

    /// <summary>PBKDF2-HMAC-SHA512 iterations of new password hashes. OWASP's figure is 210,000; lower only for tests and load generators.</summary>
    public int PasswordIterations { get; init; } = DefaultPasswordIterations;

    public TimeSpan AccessTokenLifetime { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>The most bytes that wait for a slow socket before it is closed with 4008.</summary>
    public int OutboundBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>The most frames that wait for a slow socket before it is closed with 4008.</summary>
    public int OutboundFrames { get; init; } = 2_048;

    /// <summary>How long a socket may take nothing of what waits for it before it is closed with 4008.</summary>
    public TimeSpan SlowTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a closed socket gets to take what was sent and the close frame.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a silent socket stays open.</summary>
    public TimeSpan SilenceTimeout { get; init; } = Protocol.ProtocolLimits.HeartbeatTimeout;

    /// <summary>How often cursors are compared and users registered again.</summary>
    public TimeSpan TickInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a server's word on where its users are holds without being said again: a server that dies is forgotten, and its users are offline, after that.</summary>
    public TimeSpan RegistrationLife { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a client waits for a verdict before it is told to retry.</summary>
    public TimeSpan VerdictTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Sends a second that the auditor follows to their recipients' inboxes; 0 for no auditor.</summary>
    public int AuditPerSecond { get; init; } = 20;

    /// <summary>The age at which a send should have been judged and be in its recipients' inboxes.</summary>
    public TimeSpan AuditDelay { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a graceful stop may take.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(20);

    public const int DefaultPasswordIterations = 210_000;

    public bool HasRole(string role) => Roles.Contains(role, StringComparer.Ordinal);

    /// <summary>A cell's one process; those that share a cell have some of the roles each.</summary>
    public bool HasAllRoles => AllRoles.All(HasRole);
}
