using System.Globalization;
using System.Net;
using Chat.Cells.Operator.Api;

namespace Chat.Cells.Operator.Plan;

/// <summary>
/// What must hold of a cell's engines. The CRD's schema says most of it already; a server without it, or an older schema, may not have, and some (what is an IP address) it can't say.
/// What passes here is taken by the cell's own option reader.
/// </summary>
internal static class EngineRules
{
    private const int DefaultReplication = 3;
    private const int DefaultMinInSync = 2;
    private const int MaxNameLength = 100;
    private const int MaxKeyspaceLength = 48;

    /// <summary>The components with their names in the spec, in its order.</summary>
    public static IReadOnlyList<(string Name, EngineSpec Spec)> Of(ChatCellSpec spec) => [("kafka", spec.Kafka), ("cassandra", spec.Cassandra), ("redis", spec.Redis)];

    /// <summary>Whether the cell's data are in servers that somebody else runs.</summary>
    public static bool IsExternal(ChatCell cell) => cell.Spec.Kafka.Engine == EngineKind.External;

    /// <summary>Whether the cell's topics have few partitions, as an embedded cell's always have.</summary>
    public static bool HasSmallTopics(ChatCell cell) => !IsExternal(cell) || cell.Spec.Kafka.Partitions is TopicPartitions.Small;

    /// <summary>The first fault in words, or null.</summary>
    public static Stall? Fault(ChatCellSpec spec)
    {
        var parts = Of(spec);
        var managed = parts.Where(p => p.Spec.Engine == EngineKind.Managed).Select(p => p.Name).ToList();
        if (managed.Count > 0)
        {
            return new Stall(
                "EngineNotAvailable",
                $"this operator runs no Managed engines yet, and the cell asks for them in {string.Join(", ", managed)}: choose External with the endpoints of servers that you run, or Embedded. Nothing was provisioned or changed");
        }
        if (parts.Any(p => p.Spec.Engine != parts[0].Spec.Engine))
        {
            return Invalid("a cell is Embedded in all three of kafka, cassandra and redis, or in none of them");
        }
        return parts[0].Spec.Engine == EngineKind.Embedded
            ? spec.Gateways.Replicas == 1 ? null : Invalid("an embedded cell is one pod: set gateways.replicas to 1, or run the cell on External engines")
            : spec.Gateways.Replicas < 1 ? Invalid("gateways.replicas is less than 1") : OfExternal(spec);
    }

    /// <summary>Whether a text is host:port, with an IPv6 address in brackets.</summary>
    public static bool IsEndpoint(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0)
        {
            return false;
        }
        var host = text[..colon];
        return host.Contains(':', StringComparison.Ordinal) || host[0] == '['
            ? host[0] == '[' && host[^1] == ']' && Uri.CheckHostName(host[1..^1]) == UriHostNameType.IPv6
            : Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4;
    }

    private static Stall? OfExternal(ChatCellSpec spec)
    {
        foreach (var (name, engine) in Of(spec))
        {
            if (engine.Endpoints is not { Count: > 0 } endpoints)
            {
                return Invalid($"{name} is External and has no endpoints: list the servers as host:port");
            }
            if (endpoints.FirstOrDefault(e => !IsEndpoint(e)) is { } wrong)
            {
                return Invalid($"'{wrong}' in {name}.endpoints is not host:port (an IPv6 address stands in brackets)");
            }
            if (engine.SecretName is { } secret && !IsSubdomain(secret))
            {
                return Invalid($"'{secret}' in {name}.secretName can't be a Secret's name");
            }
        }
        var kafka = spec.Kafka;
        if ((kafka.MinInSyncReplicas ?? DefaultMinInSync) > (kafka.ReplicationFactor ?? DefaultReplication))
        {
            return Invalid(string.Create(
                CultureInfo.InvariantCulture,
                $"kafka.minInSyncReplicas {kafka.MinInSyncReplicas ?? DefaultMinInSync} is more than kafka.replicationFactor {kafka.ReplicationFactor ?? DefaultReplication}: no message could be acknowledged"));
        }
        foreach (var (name, value) in new[]
                 {
                     ("kafka.replicationFactor", kafka.ReplicationFactor), ("kafka.minInSyncReplicas", kafka.MinInSyncReplicas), ("cassandra.replicationFactor", spec.Cassandra.ReplicationFactor),
                 })
        {
            if (value is < 1 or > 100)
            {
                return Invalid(string.Create(CultureInfo.InvariantCulture, $"{name} {value} is not within 1 to 100"));
            }
        }
        return OfCassandra(spec.Cassandra);
    }

    private static Stall? OfCassandra(CassandraSpec cassandra)
    {
        if (string.IsNullOrEmpty(cassandra.Datacenter))
        {
            return Invalid("cassandra is External and has no datacenter: name the one that the cell uses, as the ring spells it");
        }
        if (cassandra.Datacenter.Length > MaxNameLength || !cassandra.Datacenter.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
        {
            return Invalid($"'{cassandra.Datacenter}' in cassandra.datacenter can't be a datacenter's name: use letters, digits, dashes, dots and underscores");
        }
        if (cassandra.Keyspace is { } keyspace
            && !(keyspace.Length is > 0 and <= MaxKeyspaceLength && char.IsAsciiLetterLower(keyspace[0]) && keyspace.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_')))
        {
            return Invalid($"'{keyspace}' in cassandra.keyspace can't be a keyspace's name: use at most 48 of a-z, 0-9 and underscores, a letter first");
        }
        var nodes = new HashSet<IPEndPoint>();
        foreach (var pair in cassandra.Addresses ?? [])
        {
            if (pair.Split('=') is not [var node, var reached] || !IsAddress(node, out var from) || !IsAddress(reached, out _))
            {
                return Invalid($"'{pair}' in cassandra.addresses is not ip:port=ip:port: what a node says, and where it is reached");
            }
            if (!nodes.Add(from))
            {
                return Invalid($"cassandra.addresses has {from} twice");
            }
        }
        return null;
    }

    private static bool IsAddress(string text, out IPEndPoint endPoint)
    {
        var isOne = IPEndPoint.TryParse(text, out var parsed) && parsed.Port > 0 && text.All(c => char.IsAsciiHexDigit(c) || c is '.' or ':' or '[' or ']');
        endPoint = parsed ?? new IPEndPoint(IPAddress.None, 0);
        return isOne;
    }

    private static bool IsSubdomain(string name) =>
        name.Length is > 0 and <= 253 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.') && name.Split('.').All(l => l.Length > 0 && l[0] != '-' && l[^1] != '-');

    private static Stall Invalid(string message) => new("InvalidSpec", message);
}
