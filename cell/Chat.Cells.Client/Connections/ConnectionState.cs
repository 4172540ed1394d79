using System.Net;

namespace Chat.Cells.Client.Connections;

public enum ConnectionState
{
    /// <summary>Not started, or disposed of.</summary>
    Stopped,
    Connecting,
    /// <summary>The socket is open; what was missed is coming in.</summary>
    Syncing,
    /// <summary>Everything comes live.</summary>
    Live,
    /// <summary>Waiting to connect again.</summary>
    Waiting,
    /// <summary>The session is over: log in again.</summary>
    SignedOut,
}

/// <summary>How a connection, or the attempt to make one, ended.</summary>
/// <param name="Opened">The handshake succeeded.</param>
/// <param name="CloseCode">The server's close code; null when it broke.</param>
/// <param name="Reason">The close reason, or what failed.</param>
/// <param name="Status">The handshake's HTTP status when it was refused.</param>
/// <param name="RetryAfter">The refusal's <c>Retry-After</c>.</param>
/// <param name="SyncedFor">How long the connection was in sync; null: never.</param>
public sealed record ConnectionEnd(bool Opened, int? CloseCode, string? Reason, HttpStatusCode? Status, TimeSpan? RetryAfter, TimeSpan? SyncedFor);
