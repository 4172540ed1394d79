using Chat.Cells.Cell.Inbox;

namespace Chat.Cells.Cell.Ports;

/// <summary>
/// The cell's fast, forgetful state: which servers hold a user's sockets, every user's latest inbox cursor and unread sets, rate limits, tickets, and messages between servers.
/// All of it may vanish at any time without harm: gateways register again on their heartbeat tick, and the inbox is the truth.
/// </summary>
/// <remarks>Failures are <see cref="CellStateException"/>: callers go on without.</remarks>
public partial interface ICellState : IUnreadState
{
    /// <summary>Says that <paramref name="serverId"/> holds sockets of these users, for <paramref name="timeToLive"/>. Called at connect and on every heartbeat tick for all.</summary>
    ValueTask RegisterAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken);

    /// <summary>The server's last socket of the user is gone.</summary>
    ValueTask UnregisterAsync(string serverId, string userId, CancellationToken cancellationToken);

    /// <summary>For each user, in order, the ids of the servers that hold its sockets (possibly none).</summary>
    ValueTask<IReadOnlyList<IReadOnlyList<string>>> FindServersAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken);

    /// <summary>Raises users' latest inbox cursors; one that isn't greater than the known one is ignored.</summary>
    ValueTask AdvanceCursorsAsync(IReadOnlyList<UserCursor> cursors, CancellationToken cancellationToken);

    /// <summary>For each user, in order, the latest cursor, or null where it isn't known.</summary>
    ValueTask<IReadOnlyList<InboxCursor?>> GetCursorsAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken);

    /// <summary>Sends bytes to a server. At most once: may be lost, doubled or reordered. No error when nobody listens.</summary>
    ValueTask PublishAsync(string serverId, ReadOnlyMemory<byte> message, CancellationToken cancellationToken);

    /// <summary>Receives what is published to a server until disposed. The handler must be quick and must not throw; the memory is valid for ever.</summary>
    ValueTask<IAsyncDisposable> SubscribeAsync(string serverId, Action<ReadOnlyMemory<byte>> handler, CancellationToken cancellationToken);

    /// <summary>Takes one token from a bucket of <paramref name="capacity"/> that refills <paramref name="refillPerSecond"/>. Returns zero, or how long until one is there.</summary>
    ValueTask<TimeSpan> TakeTokenAsync(string bucket, int capacity, double refillPerSecond, CancellationToken cancellationToken);

    /// <summary>Keeps a one-use value.</summary>
    ValueTask PutOnceAsync(string key, string value, TimeSpan timeToLive, CancellationToken cancellationToken);

    /// <summary>Takes a one-use value away and returns it; null when it was taken before, or expired.</summary>
    ValueTask<string?> TakeOnceAsync(string key, CancellationToken cancellationToken);
}

/// <summary>A user's latest cursor.</summary>
public readonly record struct UserCursor(string UserId, InboxCursor Cursor);

/// <summary>The state can't be reached; nothing durable is affected.</summary>
public sealed class CellStateException(string message, Exception? inner = null) : Exception(message, inner);
