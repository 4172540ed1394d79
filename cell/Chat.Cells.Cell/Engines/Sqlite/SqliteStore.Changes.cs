using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>
/// Edits and deletions. In a table of their own and not in the messages': rows there never change, go through the journal, and need their message's columns, which a change
/// that comes first doesn't have. They are few, so each goes to its place at once.
/// </summary>
public sealed partial class SqliteStore
{
    public ValueTask<MessageChange?> FindChangeAsync(string channelId, Ulid messageId, CancellationToken cancellationToken) =>
        new(readers.Read((channelId, messageId), static (database, key) =>
        {
            var statement = database[Sql.FindChange].Bind(1, key.channelId).Bind(2, key.messageId);
            try
            {
                return statement.Step() ? MessageChange.FromRegister(key.channelId, key.messageId, statement.Bytes(0)) : null;
            }
            finally
            {
                statement.Reset();
            }
        }));

    private static void Raise(Database database, MessageChange change) =>
        database[Sql.RaiseChange].Bind(1, change.ChannelId).Bind(2, change.MessageId).Bind(3, change.ToRegister()).Execute();

    /// <summary>Gives the messages of a page of history (newest first) their changes: one read for all, of the ids between the last and the first.</summary>
    private void AddChanges(List<MessageRow> page) => readers.Read(page, static (database, page) =>
    {
        var statement = database[Sql.ReadChanges].Bind(1, page[0].ChannelId).Bind(2, page[^1].MessageId).Bind(3, page[0].MessageId);
        try
        {
            for (var next = page.Count - 1; statement.Step();)
            {
                var id = statement.Ulid(0);
                while (next > 0 && page[next].MessageId < id) next--;
                if (page[next].MessageId != id) continue;
                var change = MessageChange.FromRegister(page[next].ChannelId, id, statement.Bytes(1));
                if (change.Fits(page[next])) page[next] = page[next] with { Change = change };
            }
            return true;
        }
        finally
        {
            statement.Reset();
        }
    });
}
