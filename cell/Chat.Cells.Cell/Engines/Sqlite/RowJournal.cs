using System.Buffers;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>
/// Where rows go first. A row in its table is one page of 4 KB, in SQLite's own log and later in the file, because neighbours in time are far apart in the tables' order; so a
/// transaction writes all its rows as one entry of a journal table, page after page, and they are kept in memory for reads. Tens of thousands of them at a time are then moved to
/// their tables in the tables' order, a slice beside some of the transactions that bring others: as fast as rows come in, and so that none of them waits for much more than its own. What was acked is as durable as before: it stands in the journal, and is moved at the next start. One process
/// only may have such a store open, because reads of another one would miss what is in memory here.
/// </summary>
internal sealed class RowJournal(RowJournalOptions options)
{
    private readonly Lock gate = new();
    private readonly ArrayBufferWriter<byte> entry = new();
    private readonly List<InboxRow> newInbox = [];
    private readonly List<MessageRow> newMessages = [];
    private readonly List<RequestRow> newRequests = [];
    private RecentRows active = new();
    private RecentRows? moving;
    private JournalMove? move;
    private long newEntry;
    private long lastNumber;
    private int due;
    private int dueAfter;

    /// <summary>Whether there is something to move when nothing else is to be done.</summary>
    public bool HasRows => active.Count > 0 || move is not null;

    /// <summary>Whether rows are on their way to their tables.</summary>
    public bool IsMoving => move is not null;

    // --- the writer's thread, in a transaction ---

    public void Add(JudgedBatch batch)
    {
        foreach (var row in batch.Messages) JournalCodec.Write(entry, row);
        foreach (var row in batch.Requests) JournalCodec.Write(entry, row);
        newMessages.AddRange(batch.Messages);
        newRequests.AddRange(batch.Requests);
    }

    public void Add(DeliveredBatch batch)
    {
        for (var i = 0; i < batch.Rows.Count;) i = JournalCodec.WriteShared(entry, batch.Rows, i);
        newInbox.AddRange(batch.Rows);
    }

    /// <summary>Before the commit: writes the entry, and moves a slice of older rows.</summary>
    /// <param name="idle">Nothing else is written now: rows are moved however few they are.</param>
    public void BeforeCommit(Database database, bool idle)
    {
        if (entry.WrittenCount > 0)
        {
            // Numbered here: SQLite begins anew at 1 when the table is empty, and a move that isn't done with older entries would delete this one.
            newEntry = ++lastNumber;
            database["INSERT INTO journal (entry, rows) VALUES (?1, ?2)"].Bind(1, newEntry).Bind(2, entry.WrittenSpan).Execute();
        }
        if (move is null && (active.Count >= options.RowsToMove || (idle && active.Count > 0)))
        {
            var rows = active;
            lock (gate) (moving, active) = (active, new RecentRows());
            move = new JournalMove(rows);
            due = 0;
        }
        MoveSome(database, idle);
    }

    /// <summary>
    /// Twice as many rows as come in, so that these are moved long before the next ones are to be; a slice at a time, because each time costs some pages by itself. When the next ones
    /// wait already, the slices are larger and come with every transaction: else the memory would fill.
    /// </summary>
    private void MoveSome(Database database, bool idle)
    {
        dueAfter = due + (2 * (newInbox.Count + newMessages.Count + newRequests.Count));
        if (move is null) return;
        var isLate = active.Count >= options.RowsToMove;
        if (dueAfter < options.Slice && !isLate && !idle) return;
        move.Step(database, Math.Max(dueAfter, isLate ? 4 * options.Slice : options.Slice));
        dueAfter = 0;
    }

    /// <summary>The transaction is durable: reads see its rows.</summary>
    public void Committed()
    {
        lock (gate)
        {
            active.Add(newInbox);
            foreach (var row in newMessages) active.Add(row);
            foreach (var row in newRequests) active.Add(row);
            if (newEntry > 0) active.LastEntry = newEntry;
            due = dueAfter;
            if (move is not null)
            {
                move.Committed();
                if (move.RowsAreMoved) moving = null;
                if (move.IsDone) move = null;
            }
        }
        Clear();
    }

    /// <summary>Nothing of the transaction happened.</summary>
    public void RolledBack()
    {
        move?.RolledBack();
        Clear();
    }

    /// <summary>Moves what an earlier process left, whoever it was.</summary>
    /// <exception cref="StoreException">The journal is damaged, or there is no room.</exception>
    public static void Recover(Database database)
    {
        const string next = "SELECT entry, rows FROM journal ORDER BY entry LIMIT 1";
        while (true)
        {
            database.Execute("BEGIN IMMEDIATE");
            var moved = 0;
            for (; moved < 64; moved++)
            {
                var statement = database[next];
                if (!statement.Step())
                {
                    statement.Reset();
                    break;
                }
                var (entry, rows) = (statement.Int64(0), statement.Bytes(1));
                statement.Reset();
                Replay(database, entry, rows);
                database["DELETE FROM journal WHERE entry = ?1"].Bind(1, entry).Execute();
            }
            database.Execute("COMMIT");
            if (moved == 0) return;
        }
    }

    private static void Replay(Database database, long entry, byte[] rows)
    {
        try
        {
            JournalCodec.Replay(database, rows);
        }
        catch (RecordFormatException e)
        {
            throw new StoreException($"Entry {entry} of the store's journal can't be read: {e.Message} The file is damaged; restore it from a copy.", e);
        }
    }

    // --- readers; each also reads the table, afterwards: rows leave here only when they are there ---

    public RequestRow? Find(RequestKey key)
    {
        lock (gate)
        {
            var (newer, older) = (active.Find(key), moving?.Find(key));
            return newer is null || older?.Position > newer.Position ? older : newer;
        }
    }

    public MessageRow? FindMessage(string channelId, Ulid messageId)
    {
        lock (gate)
        {
            return active.MessagesOf(channelId) is { } newer && newer.TryFind(messageId, out var row) ? row.ToRow(channelId, messageId)
                : moving?.MessagesOf(channelId) is { } older && older.TryFind(messageId, out row) ? row.ToRow(channelId, messageId)
                : null;
        }
    }

    public InboxCursor? LatestCursor(string userId)
    {
        lock (gate)
        {
            var (newer, older) = (active.InboxOf(userId)?.LastKey, moving?.InboxOf(userId)?.LastKey);
            return newer is null || older > newer ? older ?? newer : newer;
        }
    }

    /// <summary>Rows above a cursor, in no order: at most twice the limit, the lowest among them.</summary>
    public List<(InboxCursor Key, InboxRow Row)> ReadInbox(string userId, InboxCursor after, int limit)
    {
        var found = new List<(InboxCursor Cursor, ReadOnlyMemory<byte> Payload)>();
        lock (gate)
        {
            moving?.InboxOf(userId)?.CopyAbove(after, limit, found);
            active.InboxOf(userId)?.CopyAbove(after, limit, found);
        }
        return found.ConvertAll(r => (r.Cursor, new InboxRow(userId, r.Cursor, r.Payload)));
    }

    /// <summary>Messages below an id, in no order: at most twice the limit, the highest among them.</summary>
    public List<(Ulid Key, MessageRow Row)> ReadHistory(string channelId, Ulid? before, int limit)
    {
        var found = new List<(Ulid Id, RecentMessage Row)>();
        lock (gate)
        {
            moving?.MessagesOf(channelId)?.CopyBelow(before, limit, found);
            active.MessagesOf(channelId)?.CopyBelow(before, limit, found);
        }
        return found.ConvertAll(m => (m.Id, m.Row.ToRow(channelId, m.Id)));
    }

    private void Clear()
    {
        entry.ResetWrittenCount();
        newInbox.Clear();
        newMessages.Clear();
        newRequests.Clear();
        newEntry = 0;
    }
}

/// <summary>How much a journal gathers, and how fast it gives it away.</summary>
/// <param name="RowsToMove">So many rows are moved together: the more, the fewer pages each row costs, and the more memory is held (some 200 bytes a row besides its content).</param>
/// <param name="Slice">So many rows are moved in one transaction at least, and a transaction that shall be quick has little more: the fewer, the more pages each row costs.</param>
internal sealed record RowJournalOptions(int RowsToMove = 32_768, int Slice = 256);
