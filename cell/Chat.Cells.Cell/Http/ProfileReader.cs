using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Http;

/// <summary>Reads profiles, of users who live in other cells too.</summary>
public sealed class ProfileReader(CellIdentity identity, CurrentCellMap map, IAccountStore accounts, PeerCells peers)
{
    /// <summary>Null when there is no such user.</summary>
    /// <exception cref="AccountException">The user's home can't be asked.</exception>
    public async Task<ProfileDocument?> FindAsync(string userId, CancellationToken cancellationToken)
    {
        if (map.Current?.HomeOf(userId) is not { } home) return null;
        if (home.Name != identity.Cell) return await peers.FindProfileAsync(home, userId, cancellationToken);
        return await accounts.FindAccountAsync(userId, cancellationToken) is { } account ? new ProfileDocument(account.UserId, account.Handle, account.DisplayName) : null;
    }

    /// <summary>Null also when the user's home can't be asked.</summary>
    public async Task<ProfileDocument?> TryFindAsync(string userId, CancellationToken cancellationToken)
    {
        try
        {
            return await FindAsync(userId, cancellationToken);
        }
        catch (AccountException e) when (e.Status == StatusCodes.Status503ServiceUnavailable)
        {
            return null;
        }
    }
}
