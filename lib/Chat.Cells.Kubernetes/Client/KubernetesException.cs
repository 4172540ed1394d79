using System.Net;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Kubernetes.Client;

/// <summary>The API server refused. The message is the server's own, with what was asked for in front.</summary>
public sealed class KubernetesException : Exception
{
    /// <summary>The longest wait that a server's word is taken for.</summary>
    internal static readonly TimeSpan LongestRetryAfter = TimeSpan.FromSeconds(30);

    /// <summary>Makes the exception from what the server said.</summary>
    public KubernetesException(string request, ApiStatus status, TimeSpan? retryAfter = null)
        : base($"{request}: {status.Message ?? status.Reason ?? "refused"} ({status.Code} {status.Reason})")
    {
        Status = status;
        RetryAfter = retryAfter ?? (status.Details?.RetryAfterSeconds is > 0 and var seconds ? TimeSpan.FromSeconds(Math.Min(seconds, LongestRetryAfter.TotalSeconds)) : null);
    }

    /// <summary>What the server said.</summary>
    public ApiStatus Status { get; }

    /// <summary>How long the server asked to wait, if it did, 30 s at most. Whoever tries again waits that long at least; controllers and informers do.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>HTTP status code.</summary>
    public HttpStatusCode Code => (HttpStatusCode)(Status.Code ?? 0);

    /// <summary>For programs: <c>NotFound</c>, <c>Conflict</c>, <c>AlreadyExists</c>, …</summary>
    public string Reason => Status.Reason ?? string.Empty;

    /// <summary>The object, or the kind, is not there (404).</summary>
    public bool IsNotFound => Code == HttpStatusCode.NotFound;

    /// <summary>Somebody else wrote in between, or owns a field (409, but not <see cref="IsAlreadyExists"/>).</summary>
    public bool IsConflict => Code == HttpStatusCode.Conflict && !IsAlreadyExists;

    /// <summary>An object of that name is there already.</summary>
    public bool IsAlreadyExists => Reason == "AlreadyExists";

    /// <summary>The resource version or continue token is too old: list again (410).</summary>
    public bool IsGone => Code == HttpStatusCode.Gone;

    /// <summary>The object breaks the schema or a rule (422).</summary>
    public bool IsInvalid => Code == HttpStatusCode.UnprocessableEntity;

    /// <summary>Not allowed for this user (403).</summary>
    public bool IsForbidden => Code == HttpStatusCode.Forbidden;
}
