using Cassandra;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>
/// Edits and deletions: one cell per message, written with one timestamp for ever (that of the message's id). Of values with equal timestamps Cassandra keeps the lexically
/// larger one, on every replica and in any order; so no write needs a read before it, and two workers at once, replays and late writers end with the same one.
/// </summary>
public sealed partial class CassandraStore
{
    public ValueTask<MessageChange?> FindChangeAsync(string channelId, Ulid messageId, CancellationToken cancellationToken) => OnRingAsync(async ring =>
        await ReadOneAsync(ring, ring.Bind(ring.Cql.FindChange, channelId, RowTimes.MonthOf(messageId), messageId.ToByteArray()), cancellationToken) is { } row
            ? MessageChange.FromRegister(channelId, messageId, row.GetValue<byte[]>("change"))
            : null);

    private static BoundStatement Raise(Ring ring, MessageChange change) => ring.Bind(
        ring.Cql.RaiseChange, change.ChannelId, RowTimes.MonthOf(change.MessageId), change.MessageId.ToByteArray(), change.ToRegister(), RowTimes.OfId(change.MessageId));

    /// <summary>Gives the messages from <paramref name="first"/> on, all of one month and newest first, their changes. Read after the messages: a change isn't missed by it.</summary>
    private async Task AddChangesAsync(Ring ring, List<MessageRow> rows, int first, int month, CancellationToken cancellationToken)
    {
        var statement = ring.Bind(ring.Cql.ReadChanges, rows[first].ChannelId, month, rows[^1].MessageId.ToByteArray(), rows[first].MessageId.ToByteArray());
        var next = first;
        await foreach (var row in ReadPagesAsync(ring, statement, MessagePage, cancellationToken))
        {
            var id = new Ulid(row.GetValue<byte[]>("message_id"));
            while (next < rows.Count - 1 && rows[next].MessageId > id) next++;
            if (rows[next].MessageId != id) continue;
            var change = MessageChange.FromRegister(rows[next].ChannelId, id, row.GetValue<byte[]>("change"));
            if (change.Fits(rows[next])) rows[next] = rows[next] with { Change = change };
        }
    }
}
