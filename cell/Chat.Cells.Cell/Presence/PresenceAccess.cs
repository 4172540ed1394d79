using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Presence;

/// <summary>
/// Who may view whom: oneself, who shares a channel with the viewer now, and who lives here and has the viewer among their contacts. Everybody else is refused, and users that
/// don't exist with them. Decided in the viewer's cell, from its own store, which has every channel of its users.
/// </summary>
internal sealed class PresenceAccess(CellIdentity identity, ICellDirectory cells, IMessageStore store, IAccountStore accounts) : IDisposable
{
    /// <summary>The most groups of a viewer that are looked through, in the order of their ids.</summary>
    private const int MaxGroups = 1_000;
    private const int PageSize = 200;
    private const int AtOnce = 8;

    // Looking through many groups is the costliest thing a frame can ask for: a few at a time, whoever asks.
    private readonly SemaphoreSlim searching = new(4);

    /// <summary>Those whom the viewer may view.</summary>
    /// <exception cref="StoreException">It can't be decided now.</exception>
    public async Task<IReadOnlySet<string>> FilterAsync(string viewerId, IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        var allowed = new bool[userIds.Count];
        await Parallel.ForAsync(0, userIds.Count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken }, async (i, cancel) =>
        {
            allowed[i] = userIds[i] == viewerId || await ShareDirectAsync(viewerId, userIds[i], cancel) || await IsContactAsync(viewerId, userIds[i], cancel);
        });
        var found = new HashSet<string>(StringComparer.Ordinal);
        var open = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < allowed.Length; i++) (allowed[i] ? found : open).Add(userIds[i]);
        if (open.Count > 0) await SearchGroupsAsync(viewerId, open, found, cancellationToken);
        return found;
    }

    public void Dispose() => searching.Dispose();

    private async ValueTask<bool> ShareDirectAsync(string viewerId, string userId, CancellationToken cancellationToken) =>
        await store.FindChannelAsync(ChannelId.ForDirect(viewerId, userId), cancellationToken) is { } channel && IsMember(channel, viewerId) && IsMember(channel, userId);

    private async ValueTask<bool> IsContactAsync(string viewerId, string userId, CancellationToken cancellationToken) =>
        cells.TryGetHome(userId, out var home) && home == identity.Cell
        && (await accounts.ListContactsAsync(userId, cancellationToken)).Contains(viewerId, StringComparer.Ordinal);

    /// <summary>Moves from <paramref name="open"/> to <paramref name="found"/> whoever is in a group with the viewer.</summary>
    private async Task SearchGroupsAsync(string viewerId, HashSet<string> open, HashSet<string> found, CancellationToken cancellationToken)
    {
        await searching.WaitAsync(cancellationToken);
        try
        {
            string? after = null;
            for (var seen = 0; seen < MaxGroups && open.Count > 0;)
            {
                var page = await store.ListChannelsAsync(viewerId, after, PageSize, cancellationToken);
                foreach (var channelId in page)
                {
                    if (!ChannelId.TryGetType(channelId, out var type) || type != ChannelType.Group) continue;
                    if (++seen > MaxGroups || open.Count == 0) return;
                    if (await store.FindChannelAsync(channelId, cancellationToken) is not { } channel || !IsMember(channel, viewerId)) continue;
                    foreach (var member in channel.Members)
                    {
                        if (member.Until is null && open.Remove(member.UserId)) found.Add(member.UserId);
                    }
                }
                if (page.Count < PageSize) return;
                after = page[^1];
            }
        }
        finally
        {
            searching.Release();
        }
    }

    private static bool IsMember(ChannelRow channel, string userId)
    {
        foreach (var member in channel.Members)
        {
            if (member.Until is null && member.UserId == userId) return true;
        }
        return false;
    }
}
