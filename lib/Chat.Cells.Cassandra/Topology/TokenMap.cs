using System.Globalization;

namespace Cassandra;

/// <summary>Which hosts hold which part of the ring. Immutable: made anew when the topology or a keyspace changes.</summary>
internal sealed class TokenMap
{
    /// <summary>Where SimpleStrategy counts replicas: everywhere. No datacenter can have this name.</summary>
    public const string WholeRing = "";

    private readonly long[] _tokens;
    private readonly Host[] _owners;
    private readonly (string Name, int Hosts, int Racks)[] _scopes;
    private readonly IReadOnlyDictionary<string, Replication> _keyspaces;
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, Host[][]> _replicas = new();

    public TokenMap(IReadOnlyList<Host> hosts, IReadOnlyDictionary<string, Replication> keyspaces)
    {
        var ring = hosts
            .SelectMany(h => h.Tokens, (host, token) => (Host: host, Parsed: long.TryParse(token, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var t), Token: t))
            .Where(e => e.Parsed)
            .OrderBy(e => e.Token)
            .ToList();
        _tokens = [.. ring.Select(e => e.Token)];
        _owners = [.. ring.Select(e => e.Host)];
        var owners = _owners.Distinct().ToList();
        _scopes = [
            (WholeRing, owners.Count, 0),
            .. owners.GroupBy(h => h.Datacenter).Select(g => (g.Key, g.Count(), g.Select(h => h.Rack).Distinct().Count())),
        ];
        _keyspaces = keyspaces;
    }

    /// <summary>The replicas of a key, the first one first; none when the keyspace isn't known.</summary>
    public IReadOnlyList<Host> ReplicasOf(string keyspace, ReadOnlySpan<byte> key)
    {
        if (_tokens.Length == 0 || !_keyspaces.TryGetValue(keyspace, out var replication)) return [];
        var byToken = _replicas.GetOrAdd(keyspace, _ => Enumerable.Range(0, _tokens.Length).Select(i => Walk(i, replication)).ToArray());
        var index = Array.BinarySearch(_tokens, Murmur3.Token(key));
        if (index < 0) index = ~index;
        return byToken[index == _tokens.Length ? 0 : index];
    }

    /// <summary>
    /// Clockwise from a token, as Cassandra's strategies walk: for each datacenter its factor of hosts; one of a rack that has a replica already is taken only as often as the factor
    /// exceeds the number of racks.
    /// </summary>
    private Host[] Walk(int start, Replication replication)
    {
        var replicas = new List<Host>();
        var left = new Dictionary<string, (int Replicas, int RackRepeats)>();
        foreach (var (scope, hosts, racks) in _scopes.Where(s => replication.Covers(s.Name)))
        {
            var factor = Math.Min(replication.FactorOf(scope), hosts);
            left[scope] = (factor, replication.IsRackAware ? factor - racks : factor);
        }
        var seen = new HashSet<(string Datacenter, string Rack)>();
        for (var i = 0; i < _owners.Length && left.Count > 0; i++)
        {
            var host = _owners[(start + i) % _owners.Length];
            var scope = replication.IsRackAware ? host.Datacenter : WholeRing;
            if (!left.TryGetValue(scope, out var remaining) || replicas.Contains(host)) continue;
            if (!seen.Add((host.Datacenter, host.Rack)))
            {
                if (remaining.RackRepeats <= 0) continue;
                remaining.RackRepeats--;
            }
            replicas.Add(host);
            remaining.Replicas--;
            if (remaining.Replicas > 0) left[scope] = remaining;
            else left.Remove(scope);
        }
        return [.. replicas];
    }
}

/// <summary>A keyspace's replication: one factor for all (SimpleStrategy), or one for each datacenter (NetworkTopologyStrategy).</summary>
internal sealed record Replication(bool IsRackAware, int Factor, IReadOnlyDictionary<string, int> ByDatacenter)
{
    public bool Covers(string scope) => FactorOf(scope) > 0;

    /// <summary>The replicas in a datacenter, or in <see cref="TokenMap.WholeRing"/>.</summary>
    public int FactorOf(string scope) => scope == TokenMap.WholeRing ? Factor : ByDatacenter.GetValueOrDefault(scope);

    public static Replication? Parse(IReadOnlyDictionary<string, string> options)
    {
        if (!options.TryGetValue("class", out var strategy)) return null;
        if (strategy.EndsWith("SimpleStrategy", StringComparison.Ordinal))
        {
            return options.TryGetValue("replication_factor", out var factor) && TryFactor(factor, out var simple) ? new Replication(false, simple, new Dictionary<string, int>()) : null;
        }
        if (!strategy.EndsWith("NetworkTopologyStrategy", StringComparison.Ordinal)) return null;
        var datacenters = new Dictionary<string, int>();
        foreach (var (name, value) in options)
        {
            if (name != "class" && TryFactor(value, out var factor)) datacenters[name] = factor;
        }
        return new Replication(true, 0, datacenters);
    }

    // Transient replication is written "3/1": 3 in all.
    private static bool TryFactor(string text, out int factor) => int.TryParse(text.Split('/')[0], NumberStyles.None, CultureInfo.InvariantCulture, out factor);
}
