using System.Globalization;

namespace Cassandra;

/// <summary>Which hosts hold which part of the ring. Immutable: made anew when the topology or a keyspace changes.</summary>
internal sealed class TokenMap
{
    private readonly long[] _tokens;
    private readonly Host[] _owners;
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

    /// <summary>Clockwise from a token: for each datacenter its factor of hosts, of different racks as long as there are racks without one.</summary>
    private Host[] Walk(int start, Replication replication)
    {
        var replicas = new List<Host>();
        var racksLeft = _owners.Distinct().GroupBy(h => h.Datacenter).ToDictionary(g => g.Key, g => g.Select(h => h.Rack).ToHashSet());
        var skipped = new List<Host>();
        var taken = new Dictionary<string, int>();
        for (var i = 0; i < _owners.Length; i++)
        {
            var host = _owners[(start + i) % _owners.Length];
            var wanted = replication.FactorOf(host.Datacenter, out var scope);
            if (replicas.Contains(host) || skipped.Contains(host) || taken.GetValueOrDefault(scope) >= wanted) continue;
            if (!replication.IsRackAware || racksLeft[host.Datacenter].Remove(host.Rack) || racksLeft[host.Datacenter].Count == 0)
            {
                Take(host, scope);
                if (!replication.IsRackAware || racksLeft[host.Datacenter].Count > 0) continue;
                // Every rack has one: those passed over before come next.
                foreach (var late in skipped.Where(h => h.Datacenter == host.Datacenter).ToList())
                {
                    if (taken.GetValueOrDefault(scope) >= wanted) break;
                    skipped.Remove(late);
                    Take(late, scope);
                }
            }
            else
            {
                skipped.Add(host);
            }
        }
        return [.. replicas];

        void Take(Host host, string scope)
        {
            replicas.Add(host);
            taken[scope] = taken.GetValueOrDefault(scope) + 1;
        }
    }
}

/// <summary>A keyspace's replication: one factor for all (SimpleStrategy), or one for each datacenter (NetworkTopologyStrategy).</summary>
internal sealed record Replication(bool IsRackAware, int Factor, IReadOnlyDictionary<string, int> ByDatacenter)
{
    public int FactorOf(string datacenter, out string scope)
    {
        scope = IsRackAware ? datacenter : "";
        return IsRackAware ? ByDatacenter.GetValueOrDefault(datacenter) : Factor;
    }

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
