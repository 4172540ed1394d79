using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Presence;

namespace Chat.Cells.Cell.Ports;

/// <summary>
/// Presence: each server says what its sockets of a user are; a user's presence is all servers' together. What a server said is void when it hasn't said it again for its time to live.
/// Who watches a user is told of changes by the server that makes them; expiry nobody tells: watchers read again.
/// </summary>
public partial interface ICellState
{
    /// <summary>
    /// A server's heartbeat tick, for all its users at once: registers them (as <see cref="RegisterAsync"/>), says their presence again, and returns their latest cursors (as
    /// <see cref="GetCursorsAsync"/>). Nobody is told of changes.
    /// </summary>
    ValueTask<IReadOnlyList<InboxCursor?>> RefreshAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken);

    /// <summary>Says what the sockets of these users on a server are now (<see cref="DeviceKinds.None"/>: there are none), and returns whom to tell. In order, one for each user.</summary>
    ValueTask<IReadOnlyList<PresenceChange>> SetPresenceAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken);

    /// <summary>Makes a server a watcher of these users for <paramref name="timeToLive"/> from now (nobody unwatches: it ends by itself), and returns their presence at that moment, in order; null for a user of whom nothing is known.</summary>
    ValueTask<IReadOnlyList<PresenceSnapshot?>> WatchPresenceAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken);
}

/// <summary>A user's sockets on one server.</summary>
/// <param name="LastActiveAt">When one of them was last heard from while it was online, Unix ms.</param>
public readonly record struct UserPresence(string UserId, long LastActiveAt, DeviceKinds Devices);

/// <summary>What became of a user's presence.</summary>
/// <param name="Watchers">The servers that watch the user.</param>
public sealed record PresenceChange(PresenceSnapshot Snapshot, IReadOnlyList<string> Watchers);
