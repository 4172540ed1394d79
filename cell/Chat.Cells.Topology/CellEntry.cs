using System.Text.Json.Serialization;

namespace Chat.Cells.Topology;

/// <summary>What a cell takes on. A retired cell is one that has a <see cref="CellEntry.Successor"/>, whatever its state says.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CellState>))]
public enum CellState
{
    /// <summary>Serves its users and takes new ones.</summary>
    Active,

    /// <summary>Serves its users and takes no new ones.</summary>
    Draining,

    /// <summary>Serves nobody.</summary>
    Down,
}

/// <summary>One cell of the map.</summary>
/// <param name="Name">RFC 1123 label of at most 40 characters; never used again for another cell.</param>
/// <param name="Number">1 to 65535, part of every message id; never used again for another cell.</param>
/// <param name="Region">Same grammar as the name.</param>
/// <param name="Weight">The share of the region's new users, 0 to 1000; 0 takes none.</param>
/// <param name="State">What the cell takes on.</param>
/// <param name="Successor">The cell that its users have gone to; null unless the cell is retired.</param>
/// <param name="Endpoints">Where it listens.</param>
/// <param name="Keys">The public halves of the keys that its tokens are signed with.</param>
public sealed record CellEntry(
    string Name,
    int Number,
    string Region,
    int Weight,
    CellState State,
    string? Successor,
    CellEndpoints Endpoints,
    IReadOnlyList<CellKey> Keys);

/// <summary>The addresses of a cell: absolute http or https URLs without path.</summary>
/// <param name="Public">Clients, through the router.</param>
/// <param name="Internal">Other servers, the operator and the bridges.</param>
public sealed record CellEndpoints(Uri Public, Uri Internal);

/// <summary>A public key as a JSON Web Key (RFC 7517, RFC 7518 section 6.2): ES256 only.</summary>
/// <param name="Kid">The key's id, unique in its cell.</param>
/// <param name="Kty">"EC".</param>
/// <param name="Crv">"P-256".</param>
/// <param name="X">32 bytes as base64url.</param>
/// <param name="Y">32 bytes as base64url.</param>
public sealed record CellKey(string Kid, string Kty, string Crv, string X, string Y);

/// <summary>The cell that decides the claims of a range of a region's 256 handle shards.</summary>
/// <param name="From">First shard.</param>
/// <param name="To">Last shard, inclusive.</param>
/// <param name="Cell">The cell's name.</param>
public sealed record HandleShardRange(int From, int To, string Cell);
