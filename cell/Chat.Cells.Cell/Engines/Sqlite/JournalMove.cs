using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Moves gathered rows to their tables, in the tables' order and a slice at a time, then deletes their journal entries. A slice that was rolled back is done again.</summary>
internal sealed class JournalMove
{
    private const int EntriesAtATime = 32;
    private readonly KeyValuePair<string, SortedRows<Ulid, MessageRow>>[] channels;
    private readonly KeyValuePair<string, Dictionary<RequestKey, RequestRow>>[] requests;
    private readonly KeyValuePair<string, SortedRows<InboxCursor, InboxRow>>[] inboxes;
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
        while (at.Channel < channels.Length && count > 0) count -= WriteSome(database, channels[at.Channel].Value.All, ref at.Row, ref at.Channel, count, RowWrites.Write);
        while (at.Request < requests.Length && count > 0) count -= WriteSome(database, SortedRequests(at.Request), ref at.Row, ref at.Request, count, RowWrites.Write);
        while (at.Inbox < inboxes.Length && count > 0) count -= WriteSome(database, inboxes[at.Inbox].Value.All, ref at.Row, ref at.Inbox, count, RowWrites.Write);
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

    private static int WriteSome<TRow>(Database database, IReadOnlyList<TRow> all, ref int row, ref int group, int count, Action<Database, TRow> write)
    {
        var written = Math.Min(count, all.Count - row);
        for (var i = 0; i < written; i++) write(database, all[row++]);
        if (row == all.Count) (row, group) = (0, group + 1);
        return written;
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
