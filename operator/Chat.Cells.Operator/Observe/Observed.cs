using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Topology;

namespace Chat.Cells.Operator.Observe;

/// <summary>Everything that a plan for one cell may depend on.</summary>
public sealed record Observed
{
    public required ChatCell Cell { get; init; }

    /// <summary>Whose the cell's name is.</summary>
    public required NameClaim Claim { get; init; }

    /// <summary>The cell's entry in the published map; null while it has none.</summary>
    public CellEntry? MapEntry { get; init; }

    public V1Secret? Secret { get; init; }

    public V1Service? PublicService { get; init; }

    public V1Service? InternalService { get; init; }

    public V1StatefulSet? StatefulSet { get; init; }

    public V1PodDisruptionBudget? DisruptionBudget { get; init; }

    /// <summary>Of the secrets that the External engines name, those that are there, by name.</summary>
    public IReadOnlyDictionary<string, EngineSecret> EngineSecrets { get; init; } = new Dictionary<string, EngineSecret>();

    /// <summary>What each server of a cell on External engines says that could be asked, in the order of their names.</summary>
    public IReadOnlyList<ServerReport> Servers { get; init; } = [];

    /// <summary>Bridges into this cell, wanted or not.</summary>
    public IReadOnlyList<V1Deployment> Bridges { get; init; } = [];

    /// <summary>Secrets of bridges into this cell, wanted or not.</summary>
    public IReadOnlyList<V1Secret> BridgeSecrets { get; init; } = [];

    /// <summary>The other cells that have a number and are not leaving, by name.</summary>
    public IReadOnlyList<Peer> Peers { get; init; } = [];

    /// <summary>What the cell says of itself; null when it can't be asked.</summary>
    public CellReport? Report { get; init; }

    /// <summary>While the cell is being deleted: whether pods of it are still there.</summary>
    public bool HasPods { get; init; }

    /// <summary>While the cell is being deleted: whether its volume claim is still there.</summary>
    public bool HasClaim { get; init; }
}

/// <summary>Another cell, as far as bridges need to know it. Holds secrets: prints only its name.</summary>
public sealed record Peer(string Name, string? InternalUrl, IReadOnlyDictionary<string, byte[]> Secret)
{
    /// <summary>Its topics have few partitions; between cells that differ in that nothing can be copied.</summary>
    public bool HasSmallTopics { get; init; } = true;

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>What a cell answers at its internal endpoint.</summary>
/// <param name="Users">Users whose home it is.</param>
/// <param name="Connections">Open sockets; null when not all servers could be asked.</param>
public sealed record CellReport(long Users, int? Connections);

/// <summary>What one server of a cell says.</summary>
/// <param name="Name">Name of its pod.</param>
/// <param name="Cell">Users of the whole cell and sockets of this server; null when it can't say.</param>
/// <param name="Checks">What it finds of the engines (<c>log</c>, <c>store</c>, <c>state</c>): <c>ok</c>, or what is wrong.</param>
public sealed record ServerReport(string Name, CellReport? Cell, IReadOnlyDictionary<string, string> Checks);

/// <summary>A secret of somebody else's that an engine's credentials are in. Prints only its name.</summary>
public sealed record EngineSecret(string Name, IReadOnlyDictionary<string, byte[]> Data)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>Whose a name is.</summary>
/// <param name="State">Where the claim stands.</param>
/// <param name="Number">The cell's number, when the name is its own.</param>
/// <param name="Holder">Namespace of the holder, when it is another's.</param>
/// <param name="External">The cell's data are in External engines, when the name is its own.</param>
public sealed record NameClaim(NameClaimState State, int? Number = null, string? Holder = null, bool External = false);

/// <summary>Where the claim to a name stands.</summary>
public enum NameClaimState
{
    /// <summary>Nobody's yet; the cell map decides.</summary>
    Open,

    /// <summary>This cell's own.</summary>
    Own,

    /// <summary>A cell in another namespace has it.</summary>
    Taken,

    /// <summary>It was a deleted cell's whose data are gone: never used again.</summary>
    Retired,
}
