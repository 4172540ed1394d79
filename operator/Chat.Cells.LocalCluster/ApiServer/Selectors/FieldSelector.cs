namespace Chat.Cells.LocalCluster.ApiServer.Selectors;

/// <summary>A field selector over the few fields that each kind allows.</summary>
public sealed class FieldSelector
{
    private readonly List<(Func<JsonObject, string> Read, string Value, bool Equal)> _requirements = [];

    private FieldSelector()
    {
    }

    /// <summary>Whether everything matches.</summary>
    public bool IsEmpty => _requirements.Count == 0;

    /// <summary>The name that the selector asks for, when it asks for one: it makes a list a single read.</summary>
    public string? Name { get; private set; }

    /// <summary>Reads <c>a=b,c!=d</c>.</summary>
    /// <exception cref="ApiException">400: it can't be read, or the kind has no such selectable field.</exception>
    public static FieldSelector Parse(string? text, ResourceKind kind)
    {
        var selector = new FieldSelector();
        foreach (var part in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var (symbol, equal) = part.Contains("!=", StringComparison.Ordinal) ? ("!=", false) : part.Contains("==", StringComparison.Ordinal) ? ("==", true) : ("=", true);
            var at = part.IndexOf(symbol, StringComparison.Ordinal);
            if (at < 0)
            {
                throw ApiException.BadRequest($"invalid selector: '{text}'; can't understand '{part}'");
            }

            var field = part[..at].Trim();
            var value = part[(at + symbol.Length)..].Trim();
            selector._requirements.Add((Reader(field, kind), value, equal));
            if (equal && field == "metadata.name")
            {
                selector.Name = value;
            }
        }

        return selector;
    }

    /// <summary>Whether an object satisfies every requirement.</summary>
    public bool Matches(StoredObject value)
    {
        if (IsEmpty)
        {
            return true;
        }

        if (Name is not null && Name != value.Key.Name)
        {
            return false;
        }

        var parsed = value.Parse();
        return _requirements.TrueForAll(r => (r.Read(parsed) == r.Value) == r.Equal);
    }

    private static Func<JsonObject, string> Reader(string field, ResourceKind kind) => field switch
    {
        "metadata.name" => o => o.Text("metadata", "name") ?? "",
        "metadata.namespace" when kind.Namespaced => o => o.Text("metadata", "namespace") ?? "",
        _ => kind.Rules.SelectableField(field) ?? throw ApiException.BadRequest(
            kind.IsCustom
                ? $"field label not supported: {field}"
                : $"Unable to find \"{kind.ApiVersion(kind.StorageVersion)}, Resource={kind.Plural}\" that match label selector \"\", field selector \"{field}\": field label not supported: {field}"),
    };
}
