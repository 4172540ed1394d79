using System.Collections.Concurrent;
using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Http;

/// <summary>Reads profiles, of users who live in other cells too.</summary>
public sealed class ProfileReader(CellIdentity identity, CurrentCellMap map, IAccountStore accounts, PeerCells peers)
{
    private const int AtOnce = 8;

    /// <summary>Null when there is no such user.</summary>
    /// <exception cref="AccountException">The user's home can't be asked.</exception>
    public async Task<ProfileDocument?> FindAsync(string userId, CancellationToken cancellationToken)
    {
        if (map.Current?.HomeOf(userId) is not { } home) return null;
        if (home.Name != identity.Cell) return await peers.FindProfileAsync(home, userId, cancellationToken);
        return await accounts.FindAccountAsync(userId, cancellationToken) is { } account ? new ProfileDocument(account.UserId, account.Handle, account.DisplayName) : null;
    }

    /// <summary>
    /// The profiles of many users, in their order; null for a user who isn't there or whose home can't be asked. A home that failed once isn't asked again, so that
    /// another cell's bad day costs one time limit and not one for each user.
    /// </summary>
    public async Task<IReadOnlyList<ProfileDocument?>> FindManyAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        var found = new ProfileDocument?[userIds.Count];
        var silent = new ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
        var options = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, userIds.Count, options, async (i, cancel) =>
        {
            var home = map.Current?.HomeOf(userIds[i])?.Name;
            if (home is null || silent.ContainsKey(home)) return;
            try
            {
                found[i] = await FindAsync(userIds[i], cancel);
            }
            catch (AccountException e) when (e.Status == StatusCodes.Status503ServiceUnavailable)
            {
                silent[home] = true;
            }
        });
        return found;
    }
}
