using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
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

    /// <summary>The keyspace of a cell that names none: the cell's name, which has neither underscores nor capitals, with underscores for dashes.</summary>
    public static string KeyspaceOf(string cell) => "chat_" + cell.Replace('-', '_');

    /// <summary>What needs no quotes in CQL.</summary>
    public static bool IsKeyspace(string name) =>
        name.Length is > 0 and <= MaxKeyspaceLength && char.IsAsciiLetterLower(name[0]) && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');

    /// <exception cref="OptionsException">Nodes or datacenter are missing, or a file of the Secret can't be used. Never shows what a file holds.</exception>
    public static CassandraStoreOptions From(CellOptions options)
    {
        var keyspace = options.CassandraKeyspace ?? KeyspaceOf(options.Cell);
        if (!IsKeyspace(keyspace)) throw new OptionsException($"--cassandra-keyspace '{keyspace}' is not a keyspace's name: a-z, 0-9 and _, a letter first, at most {MaxKeyspaceLength}.");
        var userName = ReadLine(options, UserNameFile);
        var password = ReadLine(options, PasswordFile);
        if (userName is null != password is null) throw new OptionsException($"--secrets has only one of {UserNameFile} and {PasswordFile}.");
        return new CassandraStoreOptions
        {
            ContactPoints = options.Cassandra?.Split(',') ?? throw new OptionsException("--store cassandra needs --cassandra host:port,…."),
            Datacenter = options.CassandraDatacenter ?? throw new OptionsException("--store cassandra needs --cassandra-datacenter."),
            Keyspace = keyspace,
            Replication = options.CassandraReplication,
            Credentials = userName is null || password is null ? null : (userName, password),
            CertificateAuthorities = ReadAuthorities(options),
        };
    }

    private static string? ReadLine(CellOptions options, string name)
    {
        var text = Read(options, name)?.Trim();
        return text is { Length: 0 } ? throw new OptionsException($"The secret {name} is empty.") : text;
    }

    private static X509Certificate2Collection? ReadAuthorities(CellOptions options)
    {
        if (Read(options, AuthoritiesFile) is not { } pem) return null;
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw new OptionsException($"The secret {AuthoritiesFile} is not PEM: {e.Message}");
        }
        // Without one every node would be refused, or worse, a reader might think that TLS is off.
        return authorities.Count > 0 ? authorities : throw new OptionsException($"The secret {AuthoritiesFile} has no certificate.");
    }

    private static string? Read(CellOptions options, string name)
    {
        var file = Path.Combine(options.SecretsDirectory, name);
        try
        {
            return File.Exists(file) ? File.ReadAllText(file) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"'{file}' can't be read: {e.Message}");
        }
    }
}
