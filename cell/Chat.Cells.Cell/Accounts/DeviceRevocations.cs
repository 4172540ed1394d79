using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Accounts;

/// <summary>
/// Tells the sockets of a revoked device, on whichever servers they are. Other servers are told through the cell's state, which may lose it: such a socket
/// then closes when its access token expires, because the device gets no other.
/// </summary>
public sealed partial class DeviceRevocations(ICellState state, CellIdentity identity, ILogger<DeviceRevocations> logger)
{
    /// <summary>Raised with user id and device id. A handler must not throw or block.</summary>
    public event Action<string, string>? Revoked;

    /// <summary>Closes the device's sockets here at once, and tells the servers that hold sockets of the user.</summary>
    public async Task RevokeAsync(string userId, string deviceId, CancellationToken cancellationToken)
    {
        CloseHere(userId, deviceId);
        try
        {
            var servers = await state.FindServersAsync([userId], cancellationToken);
            foreach (var server in servers[0])
            {
                if (server != identity.ServerId) await state.PublishAsync(server, ServerMessage.Encode(new DeviceRevoked(userId, deviceId)), cancellationToken);
            }
        }
        catch (CellStateException e)
        {
            LogNotTold(userId, deviceId, e.Message);
        }
    }

    /// <summary>Another server revoked it.</summary>
    internal void CloseHere(string userId, string deviceId) => Revoked?.Invoke(userId, deviceId);

    [LoggerMessage(220, LogLevel.Warning, "Other servers could not be told that {UserId}'s device {DeviceId} was revoked; its sockets there close when its token expires: {Reason}")]
    private partial void LogNotTold(string userId, string deviceId, string reason);
}
