using System.Text.Json;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Topology;

namespace Chat.Cells.Operator.Plan;

/// <summary>Who has a cell name, for ever.</summary>
/// <param name="Namespace">Namespace of the ChatCell.</param>
/// <param name="Retired">The cell was deleted.</param>
/// <param name="DataKept">Its data were kept, so that a cell of the same name in the same namespace may take them up again.</param>
/// <param name="External">Its data are in External engines, else on its volume: for life, also for who takes them up again.</param>
public sealed record NameOwner(string Namespace, bool Retired = false, bool DataKept = false, bool External = false);

/// <summary>The published cell map and the register of names: what the operator must never forget. Lives in one ConfigMap.</summary>
/// <param name="Map">The map; null before the first.</param>
/// <param name="Owners">Names and whose they are.</param>
public sealed record MapState(CellMap? Map, IReadOnlyDictionary<string, NameOwner> Owners)
{
    /// <summary>Key of the register in the ConfigMap.</summary>
    public const string OwnersKey = "owners.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>Nothing yet.</summary>
    public static MapState Empty { get; } = new(null, new SortedDictionary<string, NameOwner>(StringComparer.Ordinal));

    /// <summary>Entries of the ConfigMap.</summary>
    public IReadOnlyDictionary<string, string> ToData() => new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        [CellMapFile.FileName] = CellMapFile.Serialize(Map ?? throw new InvalidOperationException("There is no map to write.")),
        [OwnersKey] = JsonSerializer.Serialize(new SortedDictionary<string, NameOwner>(Owners.ToDictionary(o => o.Key, o => o.Value), StringComparer.Ordinal), Json),
    };

    /// <summary>
    /// Reads the state. Copies (in the cells' namespaces) carry all of it: should the first be gone or damaged, the newest copy is taken.
    /// </summary>
    /// <exception cref="CellMapException">There is a map, but neither it nor any copy can be read: it is not overwritten.</exception>
    public static MapState Read(V1ConfigMap? first, IEnumerable<V1ConfigMap> copies)
    {
        CellMapException? fault = null;
        if (first is not null)
        {
            try
            {
                return Parse(first);
            }
            catch (CellMapException e)
            {
                fault = e;
            }
        }
        MapState? newest = null;
        foreach (var copy in copies)
        {
            try
            {
                var state = Parse(copy);
                newest = newest is null || state.Map!.Version > newest.Map!.Version ? state : newest;
            }
            catch (CellMapException e)
            {
                fault ??= e;
            }
        }
        return newest ?? (fault is null ? Empty : throw new CellMapException($"the ConfigMap {Naming.MapName} is damaged and there is no good copy: restore it from a backup", fault));
    }

    private static MapState Parse(V1ConfigMap map)
    {
        if (map.Data is null || !map.Data.TryGetValue(CellMapFile.FileName, out var cells))
        {
            throw new CellMapException($"{ObjectKey.Of(map)} has no {CellMapFile.FileName}");
        }
        try
        {
            var owners = map.Data.TryGetValue(OwnersKey, out var text) ? JsonSerializer.Deserialize<Dictionary<string, NameOwner>>(text, Json) : null;
            return new MapState(CellMapFile.Parse(cells), owners ?? throw new CellMapException($"{ObjectKey.Of(map)} has no {OwnersKey}"));
        }
        catch (JsonException e)
        {
            throw new CellMapException($"{ObjectKey.Of(map)}: {OwnersKey} is not JSON", e);
        }
    }
}
