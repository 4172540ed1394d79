using System.Buffers.Text;

namespace Chat.Cells.Topology;

/// <summary>Finds every fault of a cell map, each as one sentence that says where it is.</summary>
internal static class CellMapValidation
{
    public static List<string> Check(
        long version,
        IReadOnlyList<CellEntry> cells,
        IReadOnlyDictionary<string, IReadOnlyList<HandleShardRange>> handleShards,
        IReadOnlyDictionary<string, int> numbers)
    {
        var errors = new List<string>();
        if (version < 1) errors.Add($"version {version} is below 1");
        var byName = new Dictionary<string, CellEntry>(StringComparer.Ordinal);
        foreach (var cell in cells)
        {
            if (!byName.TryAdd(cell.Name, cell)) errors.Add($"two cells are named '{cell.Name}'");
            CheckCell(cell, numbers, errors);
        }
        CheckNumbers(cells, numbers, errors);
        foreach (var cell in cells) CheckSuccessor(cell, byName, errors);
        foreach (var (region, ranges) in handleShards) CheckShards(region, ranges, byName, errors);
        foreach (var region in cells.Select(c => c.Region).Distinct(StringComparer.Ordinal).Where(r => !handleShards.ContainsKey(r)))
            errors.Add($"region '{region}' has cells but no handle shards");
        return errors;
    }

    private static void CheckCell(CellEntry cell, IReadOnlyDictionary<string, int> numbers, List<string> errors)
    {
        if (!Names.IsLabel(cell.Name)) errors.Add($"'{cell.Name}' is not a cell name (a-z, 0-9 and inner dashes, at most {Names.MaxLength} characters)");
        if (!Names.IsLabel(cell.Region)) errors.Add($"cell '{cell.Name}': '{cell.Region}' is not a region name");
        if (cell.Number is < 1 or > ushort.MaxValue) errors.Add($"cell '{cell.Name}': number {cell.Number} is not within 1 to {ushort.MaxValue}");
        if (cell.Weight is < 0 or > 1000) errors.Add($"cell '{cell.Name}': weight {cell.Weight} is not within 0 to 1000");
        if (!Enum.IsDefined(cell.State)) errors.Add($"cell '{cell.Name}': unknown state {(int)cell.State}");
        if (!numbers.TryGetValue(cell.Name, out var number)) errors.Add($"cell '{cell.Name}' is missing in numbers");
        else if (number != cell.Number) errors.Add($"cell '{cell.Name}' has number {cell.Number}, but numbers says {number}");
        CheckUrl(cell, "public", cell.Endpoints.Public, errors);
        CheckUrl(cell, "internal", cell.Endpoints.Internal, errors);
        var kids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in cell.Keys)
        {
            if (key.Kid.Length is 0 or > 128) errors.Add($"cell '{cell.Name}': a key's kid is empty or longer than 128 characters");
            if (!kids.Add(key.Kid)) errors.Add($"cell '{cell.Name}': two keys have kid '{key.Kid}'");
            if (key.Kty != "EC" || key.Crv != "P-256") errors.Add($"cell '{cell.Name}': key '{key.Kid}' is not EC P-256");
            if (!IsCoordinate(key.X) || !IsCoordinate(key.Y)) errors.Add($"cell '{cell.Name}': key '{key.Kid}' needs x and y of 32 bytes in base64url");
        }
    }

    private static void CheckUrl(CellEntry cell, string which, Uri url, List<string> errors)
    {
        if (!url.IsAbsoluteUri || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps) || url.AbsolutePath != "/" || url.Query.Length > 0 || url.UserInfo.Length > 0)
            errors.Add($"cell '{cell.Name}': {which} endpoint '{url.OriginalString}' is not http(s)://host:port");
    }

    private static bool IsCoordinate(string text)
    {
        Span<byte> bytes = stackalloc byte[48];
        return text.Length == 43 && Base64Url.IsValid(text) && Base64Url.TryDecodeFromChars(text, bytes, out var written) && written == 32;
    }

    private static void CheckNumbers(IReadOnlyList<CellEntry> cells, IReadOnlyDictionary<string, int> numbers, List<string> errors)
    {
        foreach (var same in cells.Select(c => (c.Name, c.Number)).Concat(numbers.Select(n => (n.Key, n.Value))).Distinct().GroupBy(n => n.Item2).Where(g => g.Select(n => n.Item1).Distinct().Skip(1).Any()))
            errors.Add($"number {same.Key} is used by {string.Join(" and ", same.Select(n => $"'{n.Item1}'").Distinct().Order(StringComparer.Ordinal))}");
        foreach (var (name, number) in numbers.Where(n => n.Value is < 1 or > ushort.MaxValue))
            errors.Add($"numbers: '{name}' has {number}, which is not within 1 to {ushort.MaxValue}");
    }

    private static void CheckSuccessor(CellEntry cell, Dictionary<string, CellEntry> byName, List<string> errors)
    {
        var at = cell;
        for (var hops = 0; at.Successor is not null; hops++)
        {
            if (hops == byName.Count)
            {
                errors.Add($"cell '{cell.Name}': its successors run in a circle");
                return;
            }
            if (!byName.TryGetValue(at.Successor, out var next))
            {
                if (ReferenceEquals(at, cell)) errors.Add($"cell '{cell.Name}': its successor '{at.Successor}' is not there");
                return;
            }
            at = next;
        }
    }

    private static void CheckShards(string region, IReadOnlyList<HandleShardRange> ranges, Dictionary<string, CellEntry> byName, List<string> errors)
    {
        if (!Names.IsLabel(region)) errors.Add($"handle shards: '{region}' is not a region name");
        var next = 0;
        foreach (var range in ranges.OrderBy(r => r.From))
        {
            if (range.From != next || range.To < range.From || range.To >= Handle.ShardCount)
            {
                errors.Add($"handle shards of '{region}': {range.From} to {range.To} overlaps, leaves a gap or ends past {Handle.ShardCount - 1} (expected to start at {next})");
                return;
            }
            if (!byName.TryGetValue(range.Cell, out var cell)) errors.Add($"handle shards of '{region}': cell '{range.Cell}' is not there");
            else if (cell.Region != region) errors.Add($"handle shards of '{region}': cell '{range.Cell}' is of region '{cell.Region}'");
            next = range.To + 1;
        }
        if (next != Handle.ShardCount) errors.Add($"handle shards of '{region}' cover 0 to {next - 1}, not 0 to {Handle.ShardCount - 1}");
    }
}
