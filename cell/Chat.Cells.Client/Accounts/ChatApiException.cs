using System.Net;

namespace Chat.Cells.Client.Accounts;

/// <summary>The server refused an HTTP request; see <see cref="Code"/> (<see cref="Protocol.ErrorCodes"/>).</summary>
public sealed class ChatApiException(HttpStatusCode status, string? code, string message, TimeSpan? retryAfter = null, string? home = null) : Exception(message)
{
    public HttpStatusCode Status { get; } = status;

    public string? Code { get; } = code;

    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>With <c>moved</c>: the user's home cell.</summary>
    public string? Home { get; } = home;
}
