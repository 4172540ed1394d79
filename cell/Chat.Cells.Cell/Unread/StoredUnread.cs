using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Unread;

/// <summary>
/// What a user has not read, from what is stored: per channel the receipt row has the read pointer, and history, from the newest message down to it, the ids. It reads
/// a page at a time, and of each channel no more than what fills its set.
/// </summary>
internal sealed class StoredUnread(IMessageStore store)
{
    private const int ChannelsPerPage = 100;
    private const int AtOnce = 8;
    private const int FirstPage = 20;
    private const int NextPage = 200;

    /// <summary>How many of the user's own messages above the pointer are passed over at most: who writes that much has seen the channel.</summary>
    private const int MaxRows = 2_000;

    /// <summary>Every channel in which the user has read or has something to read.</summary>
    /// <exception cref="StoreException">It isn't known now.</exception>
    public async Task<IReadOnlyList<UnreadIds>> ReadAsync(string userId, CancellationToken cancellationToken)
    {
        var found = new List<UnreadIds>();
        string? after = null;
        while (true)
        {
            var page = await store.ListChannelsAsync(userId, after, ChannelsPerPage, cancellationToken);
            for (var start = 0; start < page.Count; start += AtOnce)
            {
                var reads = page.Skip(start).Take(AtOnce).Select(channelId => ReadAsync(userId, channelId, cancellationToken));
                foreach (var channel in await Task.WhenAll(reads))
                {
                    if (channel is not null && (channel.Ids.Count > 0 || channel.ReadUpTo is not null)) found.Add(channel);
                }
            }
            if (page.Count < ChannelsPerPage) return found;
            after = page[^1];
        }
    }

    /// <summary>One channel; null when the user is no member.</summary>
    /// <exception cref="StoreException">It isn't known now.</exception>
    public async Task<UnreadIds?> ReadAsync(string userId, string channelId, CancellationToken cancellationToken)
    {
        if (await store.FindChannelAsync(channelId, cancellationToken) is not { } channel || MemberSince(channel, userId) is not { } since) return null;
        Ulid? readUpTo = null;
        foreach (var receipt in await store.ReadReceiptsAsync(channelId, cancellationToken))
        {
            if (receipt.UserId == userId) readUpTo = receipt.ReadUpTo;
        }
        var ids = new List<Ulid>();
        Ulid? before = null;
        for (var (rows, limit) = (0, FirstPage); rows < MaxRows; rows += limit, limit = NextPage)
        {
            var page = await store.ReadHistoryAsync(channelId, before, limit, cancellationToken);
            foreach (var message in page)
            {
                if (message.MessageId <= readUpTo || ids.Count == UnreadLimits.Cap) return new UnreadIds(channelId, ids, readUpTo);
                if (message.SenderId != userId && message.ChannelVersion >= since) ids.Add(message.MessageId);
            }
            if (page.Count < limit) break;
            before = page[^1].MessageId;
        }
        return new UnreadIds(channelId, ids, readUpTo);
    }

    /// <summary>The channel version that made the user a member; null when the user is none. Messages judged by an earlier one were not delivered to the user.</summary>
    private static int? MemberSince(ChannelRow channel, string userId)
    {
        // A change of role closes an interval and opens the next at the same place: the membership began with the first of such a row.
        int? since = null;
        long? until = null;
        foreach (var interval in channel.Members.Where(m => m.UserId == userId).OrderBy(m => m.From))
        {
            if (since is null || until != interval.From) since = interval.Version;
            until = interval.Until;
        }
        return since is not null && until is null ? since : null;
    }
}
