using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;

namespace Chat.Cells.Operator.Plan;

/// <summary>What is to be done for a cell now. Made by <see cref="CellPlanner"/> alone.</summary>
public sealed record CellPlan
{
    /// <summary>The next step in one word, for logs and tests.</summary>
    public required string Step { get; init; }

    /// <summary>Change of the cell's secret, before all else.</summary>
    public SecretChange? Secret { get; init; }

    /// <summary>Objects to be applied, in order.</summary>
    public IReadOnlyList<DesiredObject> Objects { get; init; } = [];

    /// <summary>Objects to be deleted after that.</summary>
    public IReadOnlyList<Obsolete> Obsolete { get; init; } = [];

    /// <summary>The status to be reported.</summary>
    public required ChatCellStatus Status { get; init; }

    /// <summary>Look again after this time, though nothing changes.</summary>
    public TimeSpan? RequeueAfter { get; init; }

    /// <summary>The cell is being deleted and nothing holds it any more.</summary>
    public bool MayGo { get; init; }
}

/// <summary>An object as it shall be, and as it was seen.</summary>
public sealed record DesiredObject(ResourceType Type, JsonObject Json, IKubernetesObject? Live)
{
    /// <summary>From a typed object.</summary>
    public static DesiredObject From<T>(T value, T? live)
        where T : class, IKubernetesObject => new(ResourceType.Of<T>(), KubernetesJson.ToNode(value), live);

    /// <summary>Namespace and name.</summary>
    public ObjectKey Key => new(Json["metadata"]!["namespace"]?.GetValue<string>(), Json["metadata"]!["name"]!.GetValue<string>());
}

/// <summary>An object that is there and shall not be.</summary>
public sealed record Obsolete(ResourceType Type, ObjectKey Key, string? Uid)
{
    /// <summary>From an object as seen.</summary>
    public static Obsolete From<T>(T live)
        where T : class, IKubernetesObject => new(ResourceType.Of<T>(), ObjectKey.Of(live), live.Metadata.Uid);
}

/// <summary>
/// Entries to be added to and removed from the cell's secret. Never applied over: an entry that is there stays as it is. Prints no value.
/// </summary>
/// <param name="Empty">The secret with its metadata and no data.</param>
/// <param name="Live">As seen; null to create it.</param>
/// <param name="Add">New entries.</param>
/// <param name="Remove">Entries of peers that are gone.</param>
public sealed record SecretChange(V1Secret Empty, V1Secret? Live, IReadOnlyDictionary<string, byte[]> Add, IReadOnlyList<string> Remove)
{
    /// <inheritdoc/>
    public override string ToString() => $"{ObjectKey.Of(Empty)}: add {string.Join(", ", Add.Keys)}; remove {string.Join(", ", Remove)}";
}
