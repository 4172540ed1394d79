using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Topology;

namespace Chat.Cells.Operator.Plan;

/// <summary>What the cell map needs to know of a ChatCell.</summary>
/// <param name="Cell">The resource.</param>
/// <param name="PublicUrl">Address for clients, once it has one.</param>
/// <param name="InternalUrl">Address for bridges, once it has one.</param>
/// <param name="Keys">Public signing keys.</param>
public sealed record MapInput(ChatCell Cell, string? PublicUrl, string? InternalUrl, IReadOnlyList<CellKey> Keys);

/// <summary>
/// The next cell map, as a pure function of the last one and the cells. Numbers are given once and never again; the version grows exactly when the content changes; handle shards
/// stay with their cell while it lives.
/// </summary>
public static class MapPlanner
{
    /// <summary>The next state; the same object when nothing changed.</summary>
    /// <exception cref="InvalidOperationException">All 65,535 numbers have been used.</exception>
    /// <param name="current">The last state.</param>
    /// <param name="inputs">The cells.</param>
    /// <param name="now">Should the map have been lost while cells have numbers, its version starts at the Unix time: readers never go back to a lower one.</param>
    public static MapState Next(MapState current, IReadOnlyList<MapInput> inputs, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(current);
        var owners = new SortedDictionary<string, NameOwner>(current.Owners.ToDictionary(o => o.Key, o => o.Value), StringComparer.Ordinal);
        var numbers = new SortedDictionary<string, int>(current.Map?.Numbers.ToDictionary(n => n.Key, n => n.Value) ?? [], StringComparer.Ordinal);
        Claim(inputs, owners, numbers);

        var cells = new List<CellEntry>();
        foreach (var (name, owner) in owners.ToList())
        {
            var input = inputs.FirstOrDefault(i => i.Cell.Metadata.Name == name && i.Cell.Metadata.Namespace == owner.Namespace);
            if (owner.Retired)
            {
                continue;
            }
            if (input is null || IsLeaving(input.Cell))
            {
                // Whoever vanishes without a word has not deleted its volume.
                owners[name] = owner with { Retired = true, DataKept = input is null || input.Cell.Spec.DeletionPolicy == DeletionPolicy.Retain };
                continue;
            }
            if (Entry(input, numbers[name], current.Map?.Find(name)) is { } entry)
            {
                cells.Add(entry);
            }
        }
        var shards = Shards(current.Map, cells);
        if (numbers.Count == 0)
        {
            return current;
        }
        var wasLost = current.Map is null && inputs.Any(i => i.Cell.Status?.Number is not null);
        var version = current.Map?.Version ?? (wasLost ? now.ToUnixTimeSeconds() : 0);
        var same = current.Map is null ? null : CellMap.Create(version, cells, shards, numbers);
        var isSame = same is not null && CellMapFile.Serialize(same) == CellMapFile.Serialize(current.Map!) && owners.SequenceEqual(current.Owners.OrderBy(o => o.Key, StringComparer.Ordinal));
        return isSame ? current : new MapState(CellMap.Create(version + 1, cells, shards, numbers), owners);
    }

    /// <summary>Whose a cell's name is, by the published state.</summary>
    public static NameClaim ClaimOf(ChatCell cell, MapState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!state.Owners.TryGetValue(cell.Metadata.Name!, out var owner) || state.Map is null || !state.Map.Numbers.TryGetValue(cell.Metadata.Name!, out var number))
        {
            return new NameClaim(NameClaimState.Open);
        }
        if (owner.Retired && !(owner.Namespace == cell.Metadata.Namespace && (owner.DataKept || cell.Metadata.DeletionTimestamp is not null)))
        {
            return new NameClaim(NameClaimState.Retired);
        }
        if (owner.Namespace != cell.Metadata.Namespace)
        {
            return new NameClaim(NameClaimState.Taken, Holder: owner.Namespace);
        }
        return owner.Retired && cell.Metadata.DeletionTimestamp is null ? new NameClaim(NameClaimState.Open) : new NameClaim(NameClaimState.Own, number, External: owner.External);
    }

    /// <summary>Whether a cell that is being deleted may leave the map.</summary>
    public static bool IsLeaving(ChatCell cell) =>
        cell.Metadata.DeletionTimestamp is not null && cell.Status?.Conditions?.Any(c => c is { Type: ConditionTypes.UsersRemain, Status: "False" }) == true;

    private static void Claim(IReadOnlyList<MapInput> inputs, SortedDictionary<string, NameOwner> owners, SortedDictionary<string, int> numbers)
    {
        var candidates = inputs.Select(i => i.Cell)
            .Where(c => c.Metadata.DeletionTimestamp is null && Stall.OfSpec(c) is null)
            .OrderBy(c => c.Metadata.CreationTimestamp).ThenBy(c => c.Metadata.Namespace, StringComparer.Ordinal).ThenBy(c => c.Metadata.Name, StringComparer.Ordinal);
        foreach (var cell in candidates)
        {
            var name = cell.Metadata.Name!;
            if (!owners.TryGetValue(name, out var owner))
            {
                owners[name] = new NameOwner(cell.Metadata.Namespace!, External: cell.Spec.Kafka.Engine == EngineKind.External);
                if (!numbers.ContainsKey(name))
                {
                    numbers[name] = cell.Status?.Number is { } known && !numbers.ContainsValue(known) ? known : NextNumber(numbers, inputs);
                }
            }
            else if (owner is { Retired: true, DataKept: true } && owner.Namespace == cell.Metadata.Namespace)
            {
                // The same cell again, with its data: the same number.
                owners[name] = new NameOwner(owner.Namespace, External: owner.External);
            }
        }
    }

    private static int NextNumber(SortedDictionary<string, int> numbers, IReadOnlyList<MapInput> inputs)
    {
        var next = numbers.Values.Concat(inputs.Select(i => i.Cell.Status?.Number ?? 0)).Append(0).Max() + 1;
        return next <= ushort.MaxValue ? next : throw new InvalidOperationException("All cell numbers have been used.");
    }

    private static CellEntry? Entry(MapInput input, int number, CellEntry? before)
    {
        var cell = input.Cell;
        // A service that is being made anew has no address for a moment: keep the old one till then.
        var outside = input.PublicUrl is null ? before?.Endpoints.Public : new Uri(input.PublicUrl);
        var inside = input.InternalUrl is null ? before?.Endpoints.Internal : new Uri(input.InternalUrl);
        var keys = input.Keys.Count > 0 ? input.Keys : before?.Keys ?? [];
        if (outside is null || inside is null || keys.Count == 0)
        {
            return null;
        }
        var state = cell.Metadata.DeletionTimestamp is not null ? CellState.Draining
            : cell.Status?.FirstReadyTime is not null || before is { State: CellState.Active } ? CellState.Active
            : CellState.Down;
        // A spec that can't be used any more changes nothing of a cell that serves.
        var weight = Stall.OfSpec(cell) is null ? cell.Spec.Weight : before?.Weight ?? 0;
        return new CellEntry(cell.Metadata.Name!, number, before?.Region ?? cell.Spec.Region, weight, state, before?.Successor, new CellEndpoints(outside, inside), keys);
    }

    private static SortedDictionary<string, IReadOnlyList<HandleShardRange>> Shards(CellMap? map, List<CellEntry> cells)
    {
        var shards = new SortedDictionary<string, IReadOnlyList<HandleShardRange>>(StringComparer.Ordinal);
        foreach (var region in cells.GroupBy(c => c.Region))
        {
            var names = region.Select(c => c.Name).ToHashSet();
            var heir = region.MinBy(c => c.Number)!.Name;
            var before = map is not null && map.HandleShards.TryGetValue(region.Key, out var ranges) ? ranges : [new HandleShardRange(0, Handle.ShardCount - 1, heir)];
            shards[region.Key] = [.. before.Select(r => names.Contains(r.Cell) ? r : r with { Cell = heir })];
        }
        return shards;
    }
}
