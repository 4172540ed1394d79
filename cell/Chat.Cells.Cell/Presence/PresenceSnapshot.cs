namespace Chat.Cells.Cell.Presence;

/// <summary>Whether somebody is there.</summary>
public enum PresenceStatus : byte
{
    /// <summary>No device is connected.</summary>
    Offline = 0,

    /// <summary>Devices are connected, but nobody looks at any of them.</summary>
    Away = 1,

    Online = 2,
}

/// <summary>A user's presence, all devices on all servers of the cell together.</summary>
/// <param name="LastActiveAt">When a device of the user was last heard from while it was online, Unix ms by the clock of its server; null when that isn't known.</param>
/// <param name="Devices">The kinds of the devices that give the status, sorted, each once; empty when offline.</param>
/// <param name="Stamp">Orders the snapshots of one user; by the clock of the state, so that it may go back when the state is replaced.</param>
public sealed record PresenceSnapshot(string UserId, PresenceStatus Status, long? LastActiveAt, IReadOnlyList<string> Devices, long Stamp)
{
    /// <summary>Nothing is known of the user.</summary>
    public static PresenceSnapshot Unknown(string userId) => new(userId, PresenceStatus.Offline, null, [], 0);

    /// <summary>Online if any device is, else away if any is, else offline.</summary>
    /// <param name="servers">What each server says now.</param>
    /// <param name="lastSeenAt">What is remembered beyond that, Unix ms; null for nothing.</param>
    public static PresenceSnapshot Merge(string userId, IReadOnlyList<UserDevices> servers, long? lastSeenAt, long stamp)
    {
        var (online, away) = (DeviceKinds.None.Online, DeviceKinds.None.Away);
        foreach (var server in servers)
        {
            online = DeviceKinds.Union(online, server.Devices.Online);
            away = DeviceKinds.Union(away, server.Devices.Away);
            if (server.LastActiveAt > (lastSeenAt ?? 0)) lastSeenAt = server.LastActiveAt;
        }
        return online.Count > 0 ? new PresenceSnapshot(userId, PresenceStatus.Online, lastSeenAt, online, stamp)
            : away.Count > 0 ? new PresenceSnapshot(userId, PresenceStatus.Away, lastSeenAt, away, stamp)
            : new PresenceSnapshot(userId, PresenceStatus.Offline, lastSeenAt, [], stamp);
    }

    /// <summary>Whether a viewer would see no difference.</summary>
    public bool LooksLike(PresenceSnapshot other) => Status == other.Status && Devices.SequenceEqual(other.Devices, StringComparer.Ordinal);
}

/// <summary>What one server says of a user.</summary>
/// <param name="LastActiveAt">Unix ms.</param>
public readonly record struct UserDevices(long LastActiveAt, DeviceKinds Devices);
