namespace Chat.Cells.Cell.Ports;

/// <summary>Accounts, handles, devices and contacts of the users homed here. Uniqueness is decided by a compare-and-set (Cassandra: a lightweight transaction).</summary>
public interface IAccountStore
{
    /// <summary>Claims a handle for a user; false when another user holds it. Claiming it again for the same user is true. (Run in the shard's cell.)</summary>
    ValueTask<bool> ClaimHandleAsync(string handle, string userId, CancellationToken cancellationToken);

    /// <summary>The user that holds a handle; null when nobody.</summary>
    ValueTask<string?> FindHandleAsync(string handle, CancellationToken cancellationToken);

    /// <summary>Creates an account; false when the user id exists.</summary>
    ValueTask<bool> CreateAccountAsync(AccountRow account, CancellationToken cancellationToken);

    ValueTask<AccountRow?> FindAccountAsync(string userId, CancellationToken cancellationToken);

    /// <summary>How many accounts live here.</summary>
    ValueTask<long> CountAccountsAsync(CancellationToken cancellationToken);

    ValueTask PutDeviceAsync(DeviceRow device, CancellationToken cancellationToken);

    /// <summary>Replaces a device's refresh hash if it still is <paramref name="expectedRefreshHash"/>; false when it isn't (a stolen or used token).</summary>
    ValueTask<bool> RotateRefreshAsync(string userId, string deviceId, byte[] expectedRefreshHash, byte[] newRefreshHash, CancellationToken cancellationToken);

    ValueTask<DeviceRow?> FindDeviceAsync(string userId, string deviceId, CancellationToken cancellationToken);
    ValueTask<IReadOnlyList<DeviceRow>> ListDevicesAsync(string userId, CancellationToken cancellationToken);
    ValueTask RemoveDeviceAsync(string userId, string deviceId, CancellationToken cancellationToken);

    ValueTask PutContactAsync(string userId, string contactUserId, CancellationToken cancellationToken);
    ValueTask RemoveContactAsync(string userId, string contactUserId, CancellationToken cancellationToken);
    ValueTask<IReadOnlyList<string>> ListContactsAsync(string userId, CancellationToken cancellationToken);
}

/// <param name="PasswordHash">PHC-like text: algorithm, iterations, salt, hash.</param>
/// <param name="CreatedAt">Unix ms.</param>
public sealed record AccountRow(string UserId, string Handle, string DisplayName, string PasswordHash, int Epoch, long CreatedAt);

/// <param name="RefreshHash">SHA-256 of the current refresh secret.</param>
/// <param name="LastSeenAt">Unix ms.</param>
public sealed record DeviceRow(string UserId, string DeviceId, string Name, string Kind, byte[] RefreshHash, long CreatedAt, long LastSeenAt);
