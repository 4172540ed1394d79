using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Channels, their members and receipts.</summary>
public sealed partial class SqliteStore
{
    public ValueTask<ChannelRow?> FindChannelAsync(string channelId, CancellationToken cancellationToken) =>
        new(readers.Read(channelId, static (database, channelId) =>
        {
            var statement = database[Sql.FindChannel].Bind(1, channelId);
            try
            {
                if (!statement.Step()) return null;
                var members = new List<MemberInterval>();
                var channel = new ChannelRow(
                    channelId,
                    (ChannelType)statement.Int32(0),
                    statement.OptionalText(1),
                    statement.Text(2),
                    statement.Int32(3),
                    statement.Int64(4),
                    statement.Int64(5),
                    members);
                do
                {
                    if (statement.IsNull(6)) break;
                    long? until = statement.IsNull(9) ? null : statement.Int64(9);
                    members.Add(new MemberInterval(statement.Text(6), (MemberRole)statement.Int32(7), statement.Int64(8), until, statement.Int32(10)));
                }
                while (statement.Step());
                return channel;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public ValueTask<IReadOnlyList<string>> ListChannelsAsync(string userId, string? afterChannelId, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return new ValueTask<IReadOnlyList<string>>(readers.Read((userId, after: afterChannelId ?? "", limit), static (database, page) =>
        {
            var statement = database[Sql.ListChannels].Bind(1, page.userId).Bind(2, page.after).Bind(3, page.limit);
            return ReadTexts(statement);
        }));
    }

    public ValueTask<IReadOnlyList<ReceiptRow>> ReadReceiptsAsync(string channelId, CancellationToken cancellationToken) =>
        new(readers.Read(channelId, static (database, channelId) =>
        {
            var statement = database[Sql.ReadReceipts].Bind(1, channelId);
            try
            {
                var rows = new List<ReceiptRow>();
                while (statement.Step()) rows.Add(new ReceiptRow(channelId, statement.Text(0), statement.OptionalUlid(1), statement.OptionalUlid(2)));
                return rows;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public ValueTask<ReadMark> FindReadAsync(string channelId, string userId, CancellationToken cancellationToken) =>
        new(readers.Read((channelId, userId), static (database, key) =>
        {
            var statement = database[Sql.FindRead].Bind(1, key.channelId).Bind(2, key.userId);
            try
            {
                if (!statement.Step()) return default;
                var pointer = statement.OptionalUlid(0) is { } upTo ? ReadMark.Of(upTo, null) : default;
                return statement.IsNull(1) ? pointer : pointer.Merge(ReadMark.Of(statement.Ulid(1), InboxCursor.FromSortableBytes(statement.Bytes(2))));
            }
            finally
            {
                statement.Reset();
            }
        }));

    private static void Upsert(Database database, ChannelRow channel)
    {
        const string upsert =
            "INSERT INTO channels VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET type = excluded.type, name = excluded.name, home = excluded.home, " +
            "version = excluded.version, position = excluded.position, created_at = excluded.created_at WHERE excluded.position >= position";
        var changed = database[upsert]
            .Bind(1, channel.ChannelId)
            .Bind(2, (long)channel.Type)
            .Bind(3, channel.Name)
            .Bind(4, channel.Home)
            .Bind(5, channel.Version)
            .Bind(6, channel.Position)
            .Bind(7, channel.CreatedAt)
            .Execute();
        if (changed == 0) return;
        // Through the old rows too: a user may be gone from them altogether.
        const string forget = "DELETE FROM user_channels WHERE channel_id = ?1 AND user_id IN (SELECT user_id FROM channel_members WHERE channel_id = ?1)";
        database[forget].Bind(1, channel.ChannelId).Execute();
        database["DELETE FROM channel_members WHERE channel_id = ?1"].Bind(1, channel.ChannelId).Execute();
        for (var i = 0; i < channel.Members.Count; i++)
        {
            var member = channel.Members[i];
            database["INSERT INTO channel_members VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"]
                .Bind(1, channel.ChannelId)
                .Bind(2, i)
                .Bind(3, member.UserId)
                .Bind(4, (long)member.Role)
                .Bind(5, member.From)
                .Bind(6, member.Until)
                .Bind(7, member.Version)
                .Execute();
            if (member.Until is not null) continue;
            database["INSERT INTO user_channels VALUES (?1, ?2) ON CONFLICT DO NOTHING"].Bind(1, member.UserId).Bind(2, channel.ChannelId).Execute();
        }
    }

    private static void Merge(Database database, ReceiptRow receipt)
    {
        const string merge =
            "INSERT INTO read_receipts VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET " +
            "delivered_up_to = coalesce(max(delivered_up_to, excluded.delivered_up_to), delivered_up_to, excluded.delivered_up_to), " +
            "read_up_to = coalesce(max(read_up_to, excluded.read_up_to), read_up_to, excluded.read_up_to)";
        database[merge].Bind(1, receipt.ChannelId).Bind(2, receipt.UserId).Bind(3, receipt.DeliveredUpTo).Bind(4, receipt.ReadUpTo).Execute();
        if (receipt is not { ReadUpTo: { } readUpTo, ReadCursor: { } cursor }) return;
        const string mergeCursor =
            "INSERT INTO read_cursors VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET " +
            "read_up_to = max(read_up_to, excluded.read_up_to), read_cursor = max(read_cursor, excluded.read_cursor)";
        database[mergeCursor].Bind(1, receipt.ChannelId).Bind(2, receipt.UserId).Bind(3, readUpTo).Bind(4, cursor.ToSortableBytes()).Execute();
    }

    private static List<string> ReadTexts(Statement statement)
    {
        try
        {
            var texts = new List<string>();
            while (statement.Step()) texts.Add(statement.Text(0));
            return texts;
        }
        finally
        {
            statement.Reset();
        }
    }
}
