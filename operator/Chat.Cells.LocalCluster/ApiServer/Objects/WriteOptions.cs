namespace Chat.Cells.LocalCluster.ApiServer.Objects;

/// <summary>What to do about fields that a schema does not know.</summary>
public enum FieldValidation
{
    /// <summary>Drop them and warn.</summary>
    Warn,

    /// <summary>Drop them.</summary>
    Ignore,

    /// <summary>Refuse the request.</summary>
    Strict,
}

/// <summary>The options of one write.</summary>
public sealed record WriteOptions
{
    /// <summary>The field manager.</summary>
    public string Manager { get; init; } = "unknown";

    /// <summary>Do everything but keep nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>Take fields over at a conflict of server-side apply.</summary>
    public bool Force { get; init; }

    /// <summary>What to do about unknown fields.</summary>
    public FieldValidation Validation { get; init; }

    /// <summary>Receives warnings for the caller.</summary>
    public List<string> Warnings { get; init; } = [];
}

/// <summary>What a request is about.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Version">The version of the request.</param>
/// <param name="Namespace">"" for cluster-scoped kinds.</param>
/// <param name="Name">"" for the collection.</param>
/// <param name="Subresource">"" for the object itself.</param>
public sealed record Target(ResourceKind Kind, ServedVersion Version, string Namespace, string Name, string Subresource = "")
{
    /// <summary>As in <c>apps/v1</c>.</summary>
    public string ApiVersion => Kind.ApiVersion(Version.Name);

    /// <summary>The key of the object.</summary>
    public ObjectKey Key => Kind.Key(Namespace, Name);

    /// <summary>404 for the object.</summary>
    public ApiException NotFound() => ApiException.NotFound(Kind.Group, Kind.Plural, Name);
}

/// <summary>The result of a write.</summary>
/// <param name="Object">The object in the version of the request.</param>
/// <param name="Created">Whether it is new.</param>
public sealed record WriteResult(JsonObject Object, bool Created);
