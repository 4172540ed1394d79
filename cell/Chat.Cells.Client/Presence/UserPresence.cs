namespace Chat.Cells.Client.Presence;

/// <summary>Whether somebody is there.</summary>
public enum PresenceStatus
{
    Offline,

    /// <summary>Devices are connected, but nobody looks at any of them.</summary>
    Away,
    Online,
}

/// <summary>A user's presence, all their devices together.</summary>
/// <param name="LastActiveAt">When a device of theirs was last heard from while somebody looked at it; null where that isn't known.</param>
/// <param name="Devices">The kinds of the devices that give the status, sorted; empty when offline.</param>
public sealed record UserPresence(string UserId, PresenceStatus Status, DateTimeOffset? LastActiveAt, IReadOnlyList<string> Devices);

/// <summary>The server refused a subscription to presence for good.</summary>
public sealed class PresenceRefusedException(string code, string? message) : Exception(message ?? code)
{
    /// <summary>One of the protocol's error codes.</summary>
    public string Code => code;
}
