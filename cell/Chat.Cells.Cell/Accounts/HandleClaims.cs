using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Accounts;

/// <summary>Claims handles: the cell of the handle's shard decides; what it decided is mirrored in the user's home.</summary>
public sealed class HandleClaims(CellIdentity identity, CurrentCellMap map, IAccountStore accounts, PeerCells peers)
{
    /// <summary>True when the handle is now this user's.</summary>
    /// <exception cref="AccountException">The region isn't there, or the deciding cell can't be asked.</exception>
    public async Task<bool> ClaimAsync(Handle handle, string userId, CancellationToken cancellationToken)
    {
        var decider = map.Current?.CellOfHandle(handle) ?? throw new AccountException(503, ErrorCodes.CellUnavailable, "No cell decides about this handle now.");
        if (decider.Name != identity.Cell && !await peers.ClaimHandleAsync(decider, handle.ToString(), userId, cancellationToken)) return false;
        return await accounts.ClaimHandleAsync(handle.ToString(), userId, cancellationToken);
    }
}
