using System.Diagnostics.CodeAnalysis;
using System.Net;
using Chat.Cells.Cell.Engines.Cassandra;

namespace Chat.Cells.Cell.Hosting;

/// <summary>Makes the Cassandra engine's options from the cell's, and from the files of its Secret.</summary>
public static class CassandraSettings
{
    /// <summary>The files of the secrets folder: name and password for a ring that asks for them (both or none), and the authorities that signed the nodes' certificates (none: no TLS).</summary>
    public const string UserNameFile = "cassandra-username";
    public const string PasswordFile = "cassandra-password";
    public const string AuthoritiesFile = "cassandra-ca.pem";

    private const int MaxKeyspaceLength = 48;

    /// <summary>Kafka's log begins with the topics' history, which is in the store: a server that gave up in the middle of the first set-up would leave its lock behind for a minute.</summary>
    private static readonly TimeSpan StartTimeoutOnKafka = TimeSpan.FromMinutes(1);

    /// <summary>The keyspace of a cell that names none: the cell's name, which has neither underscores nor capitals, with underscores for dashes.</summary>
    public static string KeyspaceOf(string cell) => "chat_" + cell.Replace('-', '_');

    /// <summary>What needs no quotes in CQL.</summary>
    public static bool IsKeyspace(string name) =>
        name.Length is > 0 and <= MaxKeyspaceLength && char.IsAsciiLetterLower(name[0]) && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');

    /// <summary>Nodes' own addresses, and where they are reached: <c>ip:port=ip:port</c>, separated by commas.</summary>
    /// <exception cref="OptionsException">It is something else, or has a node twice.</exception>
    public static IReadOnlyDictionary<IPEndPoint, IPEndPoint> AddressesOf(string text)
    {
        var addresses = new Dictionary<IPEndPoint, IPEndPoint>();
        foreach (var pair in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (pair.Split('=', StringSplitOptions.TrimEntries) is not [var node, var reached] || !IsEndPoint(node, out var from) || !IsEndPoint(reached, out var to))
            {
                throw new OptionsException($"--cassandra-addresses '{pair}' is not ip:port=ip:port: what a node says, and where it is reached.");
            }
            if (!addresses.TryAdd(from, to)) throw new OptionsException($"--cassandra-addresses has {from} twice.");
        }
        return addresses.Count > 0 ? addresses : throw new OptionsException("--cassandra-addresses names no ip:port=ip:port.");
    }

    /// <param name="options">The cell's.</param>
    /// <param name="logger">Hears of secrets that were changed to something useless.</param>
    /// <exception cref="OptionsException">Nodes or datacenter are missing, or a file of the Secret can't be used. Never shows what a file holds.</exception>
    public static CassandraStoreOptions From(CellOptions options, ILogger logger)
    {
        var keyspace = options.CassandraKeyspace ?? KeyspaceOf(options.Cell);
        if (!IsKeyspace(keyspace)) throw new OptionsException($"--cassandra-keyspace '{keyspace}' is not a keyspace's name: a-z, 0-9 and _, a letter first, at most {MaxKeyspaceLength}.");
        var credentials = ReadCredentials(options);
        var authorities = EngineSecrets.ReadAuthorities(options, AuthoritiesFile);
        var settings = new CassandraStoreOptions
        {
            ContactPoints = options.Cassandra?.Split(',') ?? throw new OptionsException("--store cassandra needs --cassandra host:port,…."),
            Addresses = options.CassandraAddresses,
            Datacenter = options.CassandraDatacenter ?? throw new OptionsException("--store cassandra needs --cassandra-datacenter."),
            Keyspace = keyspace,
            Replication = options.CassandraReplication,
            Credentials = credentials,
            ReadCredentials = EngineSecrets.Again(credentials, () => ReadCredentials(options), logger),
            CertificateAuthorities = authorities,
            ReadAuthorities = authorities is null
                ? null
                : EngineSecrets.Again(authorities, () => EngineSecrets.ReadAuthorities(options, AuthoritiesFile) ?? throw new OptionsException($"The secret {AuthoritiesFile} is gone."), logger),
        };
        return options.Log == "kafka" ? settings with { StartTimeout = StartTimeoutOnKafka } : settings;
    }

    private static bool IsEndPoint(string text, [NotNullWhen(true)] out IPEndPoint? endPoint) => IPEndPoint.TryParse(text, out endPoint) && endPoint.Port > 0;

    private static (string UserName, string Password)? ReadCredentials(CellOptions options)
    {
        var userName = ReadLine(options, UserNameFile);
        var password = ReadLine(options, PasswordFile);
        if (userName is null != password is null) throw new OptionsException($"--secrets has only one of {UserNameFile} and {PasswordFile}.");
        return userName is null || password is null ? null : (userName, password);
    }

    private static string? ReadLine(CellOptions options, string name)
    {
        var text = EngineSecrets.Read(options, name)?.Trim();
        return text is { Length: 0 } ? throw new OptionsException($"The secret {name} is empty.") : text;
    }
}
