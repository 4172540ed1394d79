namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>How a list is merged by server-side apply.</summary>
public enum ListKind
{
    /// <summary>The list is one value.</summary>
    Atomic,

    /// <summary>Each scalar is an element of its own.</summary>
    Set,

    /// <summary>Each item is identified by some of its fields.</summary>
    Map,
}

/// <summary>
/// A structural schema: what validation, pruning, defaulting, server-side apply, strategic merge and <c>kubectl explain</c> know about a value. CRDs bring theirs as JSON,
/// built-in kinds come from a compact text (see <see cref="BuiltInSchemas"/>).
/// </summary>
public sealed class Schema
{
    /// <summary>JSON type, or empty when any type is allowed.</summary>
    public string Type { get; init; } = "";

    /// <summary>Text for explain.</summary>
    public string Description { get; init; } = "";

    /// <summary>Format as in <c>date-time</c>.</summary>
    public string Format { get; init; } = "";

    /// <summary>The members of an object.</summary>
    public Dictionary<string, Schema> Properties { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The schema of further members; null when there are none.</summary>
    public Schema? AdditionalProperties { get; init; }

    /// <summary>The schema of list items.</summary>
    public Schema? Items { get; init; }

    /// <summary>Names of members that must be there.</summary>
    public IReadOnlyList<string> Required { get; init; } = [];

    /// <summary>Allowed values.</summary>
    public IReadOnlyList<JsonNode?> Enum { get; init; } = [];

    /// <summary>Value validations, kept as they were written: minimum, maxLength, pattern, allOf, …</summary>
    public JsonObject Rules { get; init; } = [];

    /// <summary>Whether null is a value.</summary>
    public bool Nullable { get; init; }

    /// <summary>x-kubernetes-int-or-string.</summary>
    public bool IntOrString { get; init; }

    /// <summary>x-kubernetes-preserve-unknown-fields.</summary>
    public bool PreserveUnknown { get; init; }

    /// <summary>x-kubernetes-embedded-resource.</summary>
    public bool EmbeddedResource { get; init; }

    /// <summary>The default, or null when there is none.</summary>
    public JsonNode? Default { get; init; }

    /// <summary>How server-side apply merges a list.</summary>
    public ListKind ListKind { get; init; }

    /// <summary>The identifying fields of a map list.</summary>
    public IReadOnlyList<string> ListKeys { get; init; } = [];

    /// <summary>x-kubernetes-map-type: atomic.</summary>
    public bool AtomicMap { get; init; }

    /// <summary>The field by which a strategic merge patch matches list items; empty when it replaces the list.</summary>
    public string MergeKey { get; init; } = "";

    /// <summary>Compiled x-kubernetes-validations.</summary>
    public IReadOnlyList<CelRule> Validations { get; init; } = [];

    /// <summary>A schema that allows everything.</summary>
    public static Schema Anything { get; } = new() { PreserveUnknown = true };

    /// <summary>The schema of a member, or null when it is unknown.</summary>
    public Schema? Member(string name) =>
        Properties.TryGetValue(name, out var known) ? known : AdditionalProperties ?? (PreserveUnknown ? Anything : null);
}
