using System.Diagnostics.CodeAnalysis;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Rows that are in the journal and not yet in their tables, as reads want them. Guarded by <see cref="RowJournal"/>.</summary>
internal sealed class RecentRows
{
    // No rows, and no arrays of theirs: tens of thousands of objects that live for seconds are what makes a garbage collection long.
    private readonly KeptBytes kept = new();
    private readonly Dictionary<string, SortedRows<InboxCursor, ReadOnlyMemory<byte>>> inboxes = [];
    private readonly Dictionary<string, SortedRows<Ulid, RecentMessage>> channels = [];
    private readonly Dictionary<string, Dictionary<RequestKey, RequestRow>> requests = [];

    /// <summary>How many rows were added, repeats counted.</summary>
    public int Count { get; private set; }

    /// <summary>The highest journal entry that any of them stands in.</summary>
    public long LastEntry { get; set; }

    public IEnumerable<KeyValuePair<string, SortedRows<InboxCursor, ReadOnlyMemory<byte>>>> Inboxes => inboxes;
    public IEnumerable<KeyValuePair<string, SortedRows<Ulid, RecentMessage>>> Channels => channels;
    public IEnumerable<KeyValuePair<string, Dictionary<RequestKey, RequestRow>>> Requests => requests;

    /// <summary>Rows of one record that several users got come one after the other and have one payload, which is kept once.</summary>
    public void Add(List<InboxRow> added)
    {
        ReadOnlyMemory<byte> before = default, payload = default;
        foreach (var row in added)
        {
            Count++;
            if (!inboxes.TryGetValue(row.UserId, out var rows)) inboxes[row.UserId] = rows = new SortedRows<InboxCursor, ReadOnlyMemory<byte>>();
            if (!row.Payload.Equals(before))
            {
                before = row.Payload;
                payload = kept.Add(before.Span);
            }
            rows.Add(row.Cursor, payload);
        }
    }

    public void Add(MessageRow row)
    {
        Count++;
        if (!channels.TryGetValue(row.ChannelId, out var rows)) channels[row.ChannelId] = rows = new SortedRows<Ulid, RecentMessage>();
        rows.Add(row.MessageId, new RecentMessage(row.SenderId, row.ContentType, kept.Add(row.Content.Span), row.ReplyTo, row.ChannelVersion));
    }

    /// <summary>A replay of an older record never takes the place of a newer one's verdict.</summary>
    public void Add(RequestRow row)
    {
        Count++;
        if (!requests.TryGetValue(row.ChannelId, out var rows)) requests[row.ChannelId] = rows = [];
        var key = new RequestKey(row.ChannelId, row.SenderId, row.RequestId);
        if (!rows.TryGetValue(key, out var before) || row.Position >= before.Position) rows[key] = row;
    }

    public SortedRows<InboxCursor, ReadOnlyMemory<byte>>? InboxOf(string userId) => inboxes.GetValueOrDefault(userId);

    public SortedRows<Ulid, RecentMessage>? MessagesOf(string channelId) => channels.GetValueOrDefault(channelId);

    public RequestRow? Find(RequestKey key) => requests.GetValueOrDefault(key.ChannelId)?.GetValueOrDefault(key);
}

/// <summary>A <see cref="MessageRow"/> without its key.</summary>
internal readonly record struct RecentMessage(string SenderId, string ContentType, ReadOnlyMemory<byte> Content, Ulid? ReplyTo, int ChannelVersion)
{
    public MessageRow ToRow(string channelId, Ulid messageId) => new(channelId, messageId, SenderId, ContentType, Content, ReplyTo, ChannelVersion);
}

/// <summary>Rows of one user or channel by their key; nearly always they come in order.</summary>
internal sealed class SortedRows<TKey, TRow>
    where TKey : struct, IComparable<TKey>
{
    private readonly List<TKey> keys = [];
    private readonly List<TRow> rows = [];

    public int Count => keys.Count;

    public TKey LastKey => keys[^1];

    public (TKey Key, TRow Row) this[int index] => (keys[index], rows[index]);

    /// <summary>A key that is there stays as it is.</summary>
    public void Add(TKey key, TRow row)
    {
        if (keys.Count == 0 || key.CompareTo(keys[^1]) > 0)
        {
            keys.Add(key);
            rows.Add(row);
            return;
        }
        var at = keys.BinarySearch(key);
        if (at >= 0) return;
        keys.Insert(~at, key);
        rows.Insert(~at, row);
    }

    public bool TryFind(TKey key, [MaybeNullWhen(false)] out TRow row)
    {
        var at = keys.BinarySearch(key);
        row = at >= 0 ? rows[at] : default;
        return at >= 0;
    }

    /// <summary>The first rows above a key, in order.</summary>
    public void CopyAbove(TKey key, int limit, List<(TKey Key, TRow Row)> to)
    {
        var at = keys.BinarySearch(key);
        for (var i = at >= 0 ? at + 1 : ~at; i < keys.Count && limit-- > 0; i++) to.Add((keys[i], rows[i]));
    }

    /// <summary>The last rows below a key (null: of all), highest first.</summary>
    public void CopyBelow(TKey? key, int limit, List<(TKey Key, TRow Row)> to)
    {
        var at = key is { } below ? keys.BinarySearch(below) : keys.Count;
        for (var i = (at >= 0 ? at : ~at) - 1; i >= 0 && limit-- > 0; i--) to.Add((keys[i], rows[i]));
    }
}
