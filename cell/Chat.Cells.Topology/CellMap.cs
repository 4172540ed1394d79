using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Microsoft.IdentityModel.Tokens;

namespace Chat.Cells.Topology;

/// <summary>
/// The cell map: which cells there are and who lives where. Immutable and valid by construction, indexed for lookups that allocate nothing;
/// safe for any number of threads.
/// </summary>
public sealed class CellMap
{
    private readonly FrozenDictionary<string, CellEntry> byName;
    private readonly FrozenDictionary<string, CellEntry>.AlternateLookup<ReadOnlySpan<char>> byNameSpan;
    private readonly FrozenDictionary<string, CellEntry>.AlternateLookup<ReadOnlySpan<char>> homesSpan;
    private readonly FrozenDictionary<string, CellEntry[]> regions;
    private readonly FrozenDictionary<string, CellEntry[]>.AlternateLookup<ReadOnlySpan<char>> regionsSpan;
    private readonly FrozenDictionary<string, string[]> shards;
    private readonly FrozenDictionary<(string Cell, string Kid), SecurityKey> keys;

    private CellMap(
        long version,
        IReadOnlyList<CellEntry> cells,
        IReadOnlyDictionary<string, IReadOnlyList<HandleShardRange>> handleShards,
        IReadOnlyDictionary<string, int> numbers)
    {
        Version = version;
        Cells = cells.OrderBy(c => c.Name, StringComparer.Ordinal).ToArray();
        HandleShards = new SortedDictionary<string, IReadOnlyList<HandleShardRange>>(
            handleShards.ToDictionary(r => r.Key, r => (IReadOnlyList<HandleShardRange>)r.Value.OrderBy(s => s.From).ToArray()), StringComparer.Ordinal);
        Numbers = new SortedDictionary<string, int>(numbers.ToDictionary(n => n.Key, n => n.Value), StringComparer.Ordinal);

        byName = Cells.ToFrozenDictionary(c => c.Name, StringComparer.Ordinal);
        byNameSpan = byName.GetAlternateLookup<ReadOnlySpan<char>>();
        homesSpan = Cells.ToFrozenDictionary(c => c.Name, LastSuccessor, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        regions = Cells.GroupBy(c => c.Region).ToFrozenDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
        regionsSpan = regions.GetAlternateLookup<ReadOnlySpan<char>>();
        shards = HandleShards.ToFrozenDictionary(r => r.Key, r => r.Value.SelectMany(s => Enumerable.Repeat(s.Cell, s.To - s.From + 1)).ToArray(), StringComparer.Ordinal);
        keys = Cells.SelectMany(c => c.Keys, (c, k) => KeyValuePair.Create((c.Name, k.Kid), ToSecurityKey(k))).ToFrozenDictionary();
    }

    /// <summary>Grows with every change; a reader never goes back to a lower one.</summary>
    public long Version { get; }

    /// <summary>The cells, by name.</summary>
    public IReadOnlyList<CellEntry> Cells { get; }

    /// <summary>Region to its 256 shards, in order.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<HandleShardRange>> HandleShards { get; }

    /// <summary>Every cell name ever used and its number, deleted cells too.</summary>
    public IReadOnlyDictionary<string, int> Numbers { get; }

    /// <summary>The regions that have cells.</summary>
    public IEnumerable<string> Regions => regions.Keys;

    /// <summary>Makes a map of its parts, in any order.</summary>
    /// <exception cref="CellMapException">The parts contradict each other; the message names every fault.</exception>
    public static CellMap Create(
        long version,
        IReadOnlyList<CellEntry> cells,
        IReadOnlyDictionary<string, IReadOnlyList<HandleShardRange>> handleShards,
        IReadOnlyDictionary<string, int> numbers)
    {
        var errors = CellMapValidation.Check(version, cells, handleShards, numbers);
        return errors.Count == 0 ? new CellMap(version, cells, handleShards, numbers) : throw new CellMapException(errors);
    }

    /// <summary>A cell by its name.</summary>
    public CellEntry? Find(ReadOnlySpan<char> name) => byNameSpan.TryGetValue(name, out var cell) ? cell : null;

    /// <summary>The home of a user: the last successor of the birth cell, else the birth cell itself. Null for what is no user id or names a cell that isn't there. Allocates nothing.</summary>
    public CellEntry? HomeOf(ReadOnlySpan<char> userId) =>
        UserId.TryGetBirthCell(userId, out var birth) && homesSpan.TryGetValue(birth, out var home) ? home : null;

    /// <summary>The cell that decides who holds a handle; null for a region that isn't there.</summary>
    public CellEntry? CellOfHandle(Handle handle) =>
        shards.TryGetValue(handle.Region, out var ofRegion) && homesSpan.TryGetValue(ofRegion[handle.Shard], out var cell) ? cell : null;

    public bool HasRegion(ReadOnlySpan<char> region) => regionsSpan.ContainsKey(region);

    /// <summary>
    /// Picks the cell for a new user of a region among its Active cells, by weight; null when none is there. <paramref name="available"/> leaves out cells that can't
    /// be reached right now.
    /// </summary>
    public CellEntry? PickForNewUser(ReadOnlySpan<char> region, Random random, Func<CellEntry, bool>? available = null)
    {
        if (!regionsSpan.TryGetValue(region, out var cells)) return null;
        var total = 0;
        foreach (var cell in cells)
        {
            if (TakesUsers(cell, available)) total += cell.Weight;
        }
        if (total == 0) return null;
        var point = random.Next(total);
        foreach (var cell in cells)
        {
            if (!TakesUsers(cell, available)) continue;
            if (point < cell.Weight) return cell;
            point -= cell.Weight;
        }
        return null; // only when availability changed between the two passes
    }

    internal bool TryGetKey(string cell, string kid, [NotNullWhen(true)] out SecurityKey? key) => keys.TryGetValue((cell, kid), out key);

    private static bool TakesUsers(CellEntry cell, Func<CellEntry, bool>? available) =>
        cell.State == CellState.Active && cell.Successor is null && cell.Weight > 0 && (available is null || available(cell));

    // Ends: validation refuses cycles.
    private CellEntry LastSuccessor(CellEntry cell)
    {
        while (cell.Successor is not null) cell = byName[cell.Successor];
        return cell;
    }

    private static SecurityKey ToSecurityKey(CellKey key) => new JsonWebKey { Kid = key.Kid, Kty = key.Kty, Crv = key.Crv, X = key.X, Y = key.Y, Alg = SecurityAlgorithms.EcdsaSha256 };
}

/// <summary>A cell map that can't be used.</summary>
public sealed class CellMapException : Exception
{
    public CellMapException(IReadOnlyList<string> errors)
        : base("The cell map is not usable: " + string.Join("; ", errors)) => Errors = errors;

    public CellMapException(string error, Exception? inner = null)
        : base("The cell map is not usable: " + error, inner) => Errors = [error];

    /// <summary>One sentence for each fault.</summary>
    public IReadOnlyList<string> Errors { get; }
}
