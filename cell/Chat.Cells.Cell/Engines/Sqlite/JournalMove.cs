using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Moves gathered rows to their tables, in the tables' order and a slice at a time, then deletes their journal entries. A slice that was rolled back is done again.</summary>
internal sealed class JournalMove
{
    private const int EntriesAtATime = 32;
    private readonly KeyValuePair<string, SortedRows<Ulid, RecentMessage>>[] channels;
    private readonly KeyValuePair<string, Dictionary<RequestKey, RequestRow>>[] requests;
    private readonly KeyValuePair<string, SortedRows<InboxCursor, ReadOnlyMemory<byte>>>[] inboxes;
    private readonly long lastEntry;
    private Place done;
    private Place reached;
    private RequestRow[]? sorted;
    private int sortedIndex;

    public JournalMove(RecentRows rows)
    {
        channels = [.. rows.Channels.OrderBy(c => c.Key, StringComparer.Ordinal)];
        requests = [.. rows.Requests.OrderBy(r => r.Key, StringComparer.Ordinal)];
        inboxes = [.. rows.Inboxes.OrderBy(i => i.Key, StringComparer.Ordinal)];
        lastEntry = rows.LastEntry;
    }

    /// <summary>All rows are durable in their tables.</summary>
    public bool RowsAreMoved => done.Channel == channels.Length && done.Request == requests.Length && done.Inbox == inboxes.Length;

    /// <summary>The journal's entries are deleted too.</summary>
    public bool IsDone => RowsAreMoved && done.EntriesAreDeleted;

    /// <summary>Moves about so many rows.</summary>
    public void Step(Database database, int count)
    {
        var at = done;
        if (RowsAreMoved)
        {
            const string delete = "DELETE FROM journal WHERE entry <= ?1 AND entry IN (SELECT entry FROM journal ORDER BY entry LIMIT ?2)";
            at.EntriesAreDeleted = database[delete].Bind(1, lastEntry).Bind(2, EntriesAtATime).Execute() < EntriesAtATime;
        }
        while (at.Channel < channels.Length && count > 0)
        {
            var (channelId, rows) = channels[at.Channel];
            for (; at.Row < rows.Count && count > 0; count--) RowWrites.Write(database, channelId, rows[at.Row].Key, rows[at.Row++].Row);
            if (at.Row == rows.Count) (at.Row, at.Channel) = (0, at.Channel + 1);
        }
        while (at.Request < requests.Length && count > 0)
        {
            var rows = SortedRequests(at.Request);
            for (; at.Row < rows.Length && count > 0; count--) RowWrites.Write(database, rows[at.Row++]);
            if (at.Row == rows.Length) (at.Row, at.Request) = (0, at.Request + 1);
        }
        while (at.Inbox < inboxes.Length && count > 0)
        {
            var (userId, rows) = inboxes[at.Inbox];
            for (; at.Row < rows.Count && count > 0; count--) RowWrites.Write(database, userId, rows[at.Row].Key, rows[at.Row++].Row);
            if (at.Row == rows.Count) (at.Row, at.Inbox) = (0, at.Inbox + 1);
        }
        reached = at;
    }

    public void Committed() => done = reached;

    public void RolledBack() => reached = done;

    /// <summary>The requests of a channel in the table's order; the same however often it is asked.</summary>
    private RequestRow[] SortedRequests(int index)
    {
        if (sorted is not null && sortedIndex == index) return sorted;
        sortedIndex = index;
        return sorted = [.. requests[index].Value.Values.OrderBy(r => r.SenderId, StringComparer.Ordinal).ThenBy(r => r.RequestId, StringComparer.Ordinal)];
    }

    private struct Place
    {
        public int Channel;
        public int Request;
        public int Inbox;

        /// <summary>Within the channel, its requests or the inbox.</summary>
        public int Row;
        public bool EntriesAreDeleted;
    }
}
