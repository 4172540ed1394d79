namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>A column of <c>kubectl get</c>.</summary>
/// <param name="Name">The heading.</param>
/// <param name="Type">string, integer, number, boolean or date.</param>
/// <param name="Cell">Reads the cell from an object.</param>
/// <param name="Priority">Above 0: only in wide output.</param>
/// <param name="Format">As in <c>name</c>.</param>
/// <param name="Description">What the column shows.</param>
public sealed record Column(string Name, string Type, Func<JsonObject, DateTimeOffset, JsonNode?> Cell, int Priority = 0, string Format = "", string Description = "");

/// <summary>The scale subresource: where replicas and selector are.</summary>
/// <param name="SpecReplicas">Path as in <c>.spec.replicas</c>.</param>
/// <param name="StatusReplicas">Path as in <c>.status.replicas</c>.</param>
/// <param name="Selector">Path of the selector, or empty.</param>
public sealed record ScalePaths(string SpecReplicas, string StatusReplicas, string Selector);

/// <summary>One version in which a kind is served.</summary>
public sealed record ServedVersion(string Name, Schema Schema)
{
    /// <summary>The schema of a whole object: the kind's own with apiVersion, kind and metadata.</summary>
    public Schema Whole { get; } = new()
    {
        Type = "object",
        Properties = new Dictionary<string, Schema>(Schema.Properties, StringComparer.Ordinal)
        {
            ["apiVersion"] = new() { Type = "string" },
            ["kind"] = new() { Type = "string" },
            ["metadata"] = BuiltInSchemas.ObjectMeta,
        },
        PreserveUnknown = Schema.PreserveUnknown,
    };

    /// <summary>Whether there is a status subresource.</summary>
    public bool HasStatus { get; init; }

    /// <summary>The scale subresource, if any.</summary>
    public ScalePaths? Scale { get; init; }

    /// <summary>Columns after Name.</summary>
    public IReadOnlyList<Column> Columns { get; init; } = [];

    /// <summary>Sent as a warning with every answer, when not empty.</summary>
    public string Warning { get; init; } = "";
}

/// <summary>A kind of object that is served.</summary>
public sealed record ResourceKind
{
    /// <summary>API group; "" is the core group.</summary>
    public required string Group { get; init; }

    /// <summary>As in <c>StatefulSet</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>As in <c>statefulsets</c>.</summary>
    public required string Plural { get; init; }

    /// <summary>As in <c>statefulset</c>.</summary>
    public required string Singular { get; init; }

    /// <summary>As in <c>StatefulSetList</c>.</summary>
    public required string ListKind { get; init; }

    /// <summary>As in <c>sts</c>.</summary>
    public IReadOnlyList<string> ShortNames { get; init; } = [];

    /// <summary>As in <c>all</c>.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Whether objects live in namespaces.</summary>
    public bool Namespaced { get; init; } = true;

    /// <summary>Served versions, the preferred first.</summary>
    public required IReadOnlyList<ServedVersion> Versions { get; init; }

    /// <summary>The version that objects are stored in.</summary>
    public required string StorageVersion { get; init; }

    /// <summary>Whether the kind comes from a CRD.</summary>
    public bool IsCustom { get; init; }

    /// <summary>Whether a change of the desired state counts up <c>metadata.generation</c>.</summary>
    public bool HasGeneration { get; init; }

    /// <summary>What the kind does beyond its schema.</summary>
    public KindRules Rules { get; init; } = KindRules.None;

    /// <summary>Set while a deleted CRD waits for its objects to go: nothing new may be created.</summary>
    public bool IsTerminating { get; init; }

    /// <summary>The resource part of object keys.</summary>
    public string Resource => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    /// <summary>A served version by name, or null.</summary>
    public ServedVersion? Version(string name) => Versions.FirstOrDefault(v => string.Equals(v.Name, name, StringComparison.Ordinal));

    /// <summary>As in <c>apps/v1</c>.</summary>
    public string ApiVersion(string version) => Group.Length == 0 ? version : $"{Group}/{version}";

    /// <summary>The key of an object of this kind.</summary>
    public ObjectKey Key(string ns, string name) => new(Resource, Namespaced ? ns : "", name);
}

/// <summary>What the writing of an object may look at.</summary>
/// <param name="Transaction">The running transaction.</param>
/// <param name="Kind">The kind.</param>
/// <param name="Options">Options of the server.</param>
/// <param name="Now">The time of the write.</param>
public sealed record WriteContext(StoreTransaction Transaction, ResourceKind Kind, LocalApiServerOptions Options, DateTimeOffset Now);

/// <summary>What a kind does beyond its schema: allocation, derived fields, immutability.</summary>
public class KindRules
{
    /// <summary>Nothing beyond the schema.</summary>
    public static KindRules None { get; } = new();

    /// <summary>Shapes a new object: its first status, allocations, defaults that depend on other fields.</summary>
    public virtual void PrepareCreate(JsonObject value, WriteContext context) => value.Remove("status");

    /// <summary>Shapes a changed object.</summary>
    public virtual void PrepareUpdate(JsonObject value, JsonObject old, WriteContext context)
    {
    }

    /// <summary>Checks an object; <paramref name="old"/> is null at creation.</summary>
    public virtual void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
    }

    /// <summary>What the writer of an object should know although nothing is wrong with it; sent as warnings.</summary>
    public virtual IEnumerable<string> Warnings(JsonObject value) => [];

    /// <summary>Called in the transaction after an object was written; <paramref name="old"/> is null at creation.</summary>
    public virtual void Written(JsonObject value, JsonObject? old, WriteContext context)
    {
    }

    /// <summary>Names that are valid for the kind; the default is a DNS-1123 subdomain.</summary>
    public virtual string? NameProblem(string name) => Names.SubdomainProblem(name);

    /// <summary>The value of a selectable field, or null when the kind has no such field selector.</summary>
    public virtual Func<JsonObject, string>? SelectableField(string path) => null;
}
