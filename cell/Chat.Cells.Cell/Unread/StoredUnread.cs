using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Unread;

/// <summary>
/// What a user has not read, from what is stored. Per channel the read mark says how far it was read, and history, from the newest message down to the pointer, what is above
/// it: no more of each channel than fills its set. What lies below the pointer, but came after the read, only the inbox tells: it is read from the lowest read cursor on.
/// What it finds to be read up to a later cursor is kept so, which leaves the next reading what came since.
/// </summary>
internal sealed class StoredUnread(IMessageStore store)
{
    private const int ChannelsPerPage = 100;
    private const int AtOnce = 8;
    private const int FirstPage = 20;
    private const int NextPage = 200;

    /// <summary>How many of the user's own messages above the pointer are passed over at most: who writes that much has seen the channel.</summary>
    private const int MaxRows = 2_000;

    /// <summary>How many rows of the inbox are worth a write that spares reading them again.</summary>
    private const int SettledFrom = 200;

    /// <summary>Every channel in which the user has read or has something to read.</summary>
    /// <param name="at">The user's latest cursor, read before this call.</param>
    /// <exception cref="StoreException">It isn't known now.</exception>
    public async Task<StoredReading> ReadAsync(string userId, InboxCursor at, CancellationToken cancellationToken)
    {
        var channels = new List<ChannelReading>();
        string? after = null;
        while (true)
        {
            var page = await store.ListChannelsAsync(userId, after, ChannelsPerPage, cancellationToken);
            for (var start = 0; start < page.Count; start += AtOnce)
            {
                var reads = page.Skip(start).Take(AtOnce).Select(channelId => ReadHistoryAsync(userId, channelId, cancellationToken));
                foreach (var channel in await Task.WhenAll(reads))
                {
                    if (channel is not null) channels.Add(channel);
                }
            }
            if (page.Count < ChannelsPerPage) break;
            after = page[^1];
        }
        var rows = await ReadInboxAsync(userId, channels, cancellationToken);
        var found = new List<UnreadIds>(channels.Count);
        var settled = new List<ReceiptRow>();
        foreach (var channel in channels)
        {
            if (!channel.IsEmpty || channel.Read.UpTo is not null) found.Add(channel.ToIds(at));
            if (rows >= SettledFrom && channel.Settled(userId, at) is { } row) settled.Add(row);
        }
        return new StoredReading(found, settled);
    }

    /// <summary>One channel; null when the user is no member.</summary>
    /// <exception cref="StoreException">It isn't known now.</exception>
    public async Task<UnreadIds?> ReadAsync(string userId, string channelId, CancellationToken cancellationToken)
    {
        var latest = await store.FindLatestCursorAsync(userId, cancellationToken) ?? InboxCursor.Start;
        if (await ReadHistoryAsync(userId, channelId, cancellationToken) is not { } channel) return null;
        await ReadInboxAsync(userId, [channel], cancellationToken);
        return channel.ToIds(latest);
    }

    private async Task<ChannelReading?> ReadHistoryAsync(string userId, string channelId, CancellationToken cancellationToken)
    {
        if (await store.FindChannelAsync(channelId, cancellationToken) is not { } channel || MemberSince(channel, userId) is not { } since) return null;
        var reading = new ChannelReading(channelId, since, await store.FindReadAsync(channelId, userId, cancellationToken));
        Ulid? before = null;
        for (var (rows, limit) = (0, FirstPage); rows < MaxRows; rows += limit, limit = NextPage)
        {
            var page = await store.ReadHistoryAsync(channelId, before, limit, cancellationToken);
            foreach (var message in page)
            {
                // Where it stands in the inbox is only of interest above the read cursor, and is found there.
                if (message.MessageId <= reading.Read.UpTo || reading.HasMore) return reading;
                if (message.SenderId != userId && message.ChannelVersion >= since) reading.Add(message.MessageId, InboxCursor.Start);
            }
            if (page.Count < limit) break;
            before = page[^1].MessageId;
        }
        return reading;
    }

    /// <summary>Adds what came after the reads. Returns how many rows were looked at.</summary>
    private async Task<int> ReadInboxAsync(string userId, IReadOnlyList<ChannelReading> channels, CancellationToken cancellationToken)
    {
        InboxCursor? lowest = null;
        foreach (var channel in channels)
        {
            // One that has more than fit above the pointer is full whatever came below.
            if (!channel.HasMore && channel.Read.KnownCursor is { } cursor && !(cursor >= lowest)) lowest = cursor;
        }
        if (lowest is not { } from) return 0;
        var byId = channels.ToDictionary(c => c.ChannelId, StringComparer.Ordinal);
        var rows = 0;
        while (true)
        {
            var page = await store.ReadInboxAsync(userId, from, NextPage, cancellationToken);
            foreach (var row in page)
            {
                if (Decode(row) is not { Kind: InboxKind.Message } record || record.SenderId == userId || !byId.TryGetValue(record.ChannelId, out var channel)) continue;
                if (record.ChannelVersion >= channel.Since && !channel.Read.Covers(record.EventId, row.Cursor)) channel.Add(record.EventId, row.Cursor);
            }
            rows += page.Count;
            if (page.Count < NextPage) return rows;
            from = page[^1].Cursor;
        }
    }

    /// <summary>Null for a damaged row: it is shown to nobody, so it can't be unread.</summary>
    private static InboxRecord? Decode(InboxRow row)
    {
        try
        {
            return InboxRecord.Decode(row.Payload);
        }
        catch (RecordFormatException)
        {
            return null;
        }
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

    private sealed class ChannelReading(string channelId, int since, ReadMark read)
    {
        private readonly SortedList<Ulid, InboxCursor> messages = [];

        public string ChannelId => channelId;
        public int Since => since;
        public ReadMark Read => read;
        public bool IsEmpty => messages.Count == 0;

        /// <summary>There are more than fit; the highest are here.</summary>
        public bool HasMore { get; private set; }

        public void Add(Ulid id, InboxCursor cursor)
        {
            messages[id] = cursor;
            if (messages.Count <= UnreadLimits.Cap) return;
            messages.RemoveAt(0);
            HasMore = true;
        }

        public UnreadIds ToIds(InboxCursor at) => new(ChannelId, [.. messages.Select(m => new UnreadMessage(m.Key, m.Value))], Read, HasMore ? at : null);

        /// <summary>The channel is read up to right before what is unread, or up to here when nothing is; null when that is known already.</summary>
        public ReceiptRow? Settled(string userId, InboxCursor at)
        {
            if (HasMore || Read is not { UpTo: { } upTo, KnownCursor: { } known }) return null;
            foreach (var cursor in messages.Values)
            {
                if (cursor > known && cursor <= at) at = cursor with { Offset = cursor.Offset - 1 };
            }
            return at > known ? new ReceiptRow(ChannelId, userId, null, upTo, at) : null;
        }
    }
}

/// <summary>What the store says of a user's channels.</summary>
/// <param name="Settled">Receipts to keep, so that the next reading is shorter. They change nothing of what is unread.</param>
internal sealed record StoredReading(IReadOnlyList<UnreadIds> Channels, IReadOnlyList<ReceiptRow> Settled);
