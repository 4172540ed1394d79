using System.Text.Json.Serialization;

namespace Chat.Cells.Kubernetes.Models;

/// <summary>meta/v1 Status: what the API server answers when it refuses.</summary>
public sealed record ApiStatus : KubernetesModel
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "Status";
    public V1ListMeta? Metadata { get; init; }

    /// <summary><c>Success</c> or <c>Failure</c>.</summary>
    public string? Status { get; init; }

    /// <summary>For people.</summary>
    public string? Message { get; init; }

    /// <summary>For programs: <c>NotFound</c>, <c>Conflict</c>, <c>AlreadyExists</c>, <c>Invalid</c>, <c>Expired</c>, …</summary>
    public string? Reason { get; init; }
    public ApiStatusDetails? Details { get; init; }

    /// <summary>HTTP status code.</summary>
    public int? Code { get; init; }
}

/// <summary>What a <see cref="ApiStatus"/> is about.</summary>
public sealed record ApiStatusDetails : KubernetesModel
{
    public string? Name { get; init; }
    public string? Group { get; init; }
    public string? Kind { get; init; }
    public string? Uid { get; init; }
    public IReadOnlyList<ApiStatusCause>? Causes { get; init; }
    public int? RetryAfterSeconds { get; init; }
}

/// <summary>One field's fault.</summary>
public sealed record ApiStatusCause : KubernetesModel
{
    [JsonPropertyName("reason")]
    public string? Type { get; init; }
    public string? Message { get; init; }
    public string? Field { get; init; }
}
