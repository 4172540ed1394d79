namespace Chat.Cells.Cell.Accounts;

/// <summary>Tells the sockets of this server that a device was revoked.</summary>
public sealed class DeviceRevocations
{
    /// <summary>Raised with user id and device id. A handler must not throw or block.</summary>
    public event Action<string, string>? Revoked;

    public void Revoke(string userId, string deviceId) => Revoked?.Invoke(userId, deviceId);
}
