using Cassandra;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>Channels, their members and receipts.</summary>
public sealed partial class CassandraStore
{
    private const int RowPage = 500;

    /// <summary>What stands in <c>left_at</c> while a member stays; log offsets are never negative.</summary>
    private const long Stays = -1;

    public ValueTask<ChannelRow?> FindChannelAsync(string channelId, CancellationToken cancellationToken) => OnRingAsync(ring => FindChannelAsync(ring, channelId, cancellationToken));

    public ValueTask<IReadOnlyList<string>> ListChannelsAsync(string userId, string? afterChannelId, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return OnRingAsync<IReadOnlyList<string>>(async ring =>
        {
            var channels = new List<string>();
            var rows = ring.Bind(ring.Cql.ListChannels, userId, afterChannelId ?? "");
            await foreach (var row in ReadPagesAsync(ring, rows, Math.Min(limit, RowPage), cancellationToken))
            {
                if (row.GetValue<bool>("member")) channels.Add(row.GetValue<string>("channel_id"));
                if (channels.Count == limit) break;
            }
            return channels;
        });
    }

    public ValueTask<IReadOnlyList<ReceiptRow>> ReadReceiptsAsync(string channelId, CancellationToken cancellationToken) => OnRingAsync<IReadOnlyList<ReceiptRow>>(async ring =>
    {
        var receipts = new List<ReceiptRow>();
        await foreach (var row in ReadPagesAsync(ring, ring.Bind(ring.Cql.ReadReceipts, channelId), RowPage, cancellationToken))
        {
            receipts.Add(new ReceiptRow(channelId, row.GetValue<string>("user_id"), OptionalUlid(row, "delivered_up_to"), OptionalUlid(row, "read_up_to")));
        }
        return receipts;
    });

    public ValueTask<ReadMark> FindReadAsync(string channelId, string userId, CancellationToken cancellationToken) => OnRingAsync(async ring =>
    {
        // Read in the opposite order of writing: a pointer that is found has its cursor there already.
        var pointer = await ReadOneAsync(ring, ring.Bind(ring.Cql.FindReadPointer, channelId, userId), cancellationToken);
        var cursor = await ReadOneAsync(ring, ring.Bind(ring.Cql.FindReadCursor, channelId, userId), cancellationToken);
        var mark = pointer is not null && OptionalUlid(pointer, "read_up_to") is { } upTo ? ReadMark.Of(upTo, null) : default;
        return cursor is { } known ? mark.Merge(ReadMark.Of(new Ulid(known.GetValue<byte[]>("read_up_to")), InboxCursor.FromSortableBytes(known.GetValue<byte[]>("read_cursor")))) : mark;
    });

    private async Task<ChannelRow?> FindChannelAsync(Ring ring, string channelId, CancellationToken cancellationToken)
    {
        while (true)
        {
            ChannelRow? channel = null;
            var members = new List<MemberInterval>();
            var intervals = 0;
            var changed = false;
            await foreach (var row in ReadPagesAsync(ring, ring.Bind(ring.Cql.FindChannel, channelId), RowPage, cancellationToken))
            {
                // Members without the channel can't be: one mutation writes both.
                if (row.IsNull("position")) return null;
                channel ??= new ChannelRow(
                    channelId,
                    (ChannelType)row.GetValue<int>("type"),
                    row.GetValue<bool>("named") ? row.GetValue<string>("name") : null,
                    row.GetValue<string>("home"),
                    row.GetValue<int>("version"),
                    row.GetValue<long>("position"),
                    row.GetValue<long>("created_at"),
                    members);
                intervals = row.GetValue<int>("intervals");
                // A change between two pages: from the beginning.
                changed = row.GetValue<long>("position") != channel.Position;
                if (changed || row.IsNull("ordinal") || row.GetValue<int>("ordinal") >= intervals) break;
                var until = row.GetValue<long>("left_at");
                members.Add(new MemberInterval(
                    row.GetValue<string>("user_id"), (MemberRole)row.GetValue<int>("role"), row.GetValue<long>("joined_at"), until == Stays ? null : until, row.GetValue<int>("member_version")));
            }
            if (!changed) return channel;
        }
    }

    /// <summary>The changes of one channel, one after the other.</summary>
    private async Task WriteChangesAsync(Ring ring, IEnumerable<ChannelRow> changes, CancellationToken cancellationToken)
    {
        foreach (var change in changes) await WriteChangeAsync(ring, change, cancellationToken);
    }

    /// <summary>
    /// The users' lists first, then the channel: while it isn't written, whoever writes the change again finds the members before it. Each list entry has the position of
    /// the change that made it, so that an older change never takes a newer one back. What is read before only spares and completes writes; nothing hangs on its being the latest.
    /// </summary>
    private async Task WriteChangeAsync(Ring ring, ChannelRow channel, CancellationToken cancellationToken)
    {
        var lists = new Dictionary<string, bool>();
        if (await FindChannelAsync(ring, channel.ChannelId, cancellationToken) is { } stored)
        {
            if (stored.Position > channel.Position) return;
            // Members that the new row doesn't know any more have no other trace than this one.
            foreach (var member in stored.Members) lists[member.UserId] = false;
        }
        foreach (var member in channel.Members) lists[member.UserId] = false;
        foreach (var member in channel.Members)
        {
            if (member.Until is null) lists[member.UserId] = true;
        }
        var timestamp = RowTimes.OfValue(channel.Position);
        await AllAsync(lists.ToList(), entry => WriteAsync(ring, ring.Bind(ring.Cql.InsertUserChannel, entry.Key, channel.ChannelId, entry.Value, timestamp), cancellationToken));

        // Whatever its size it is one mutation of one partition: readers see all of the change or nothing of it.
        var statements = new List<BoundStatement>(channel.Members.Count + 1)
        {
            ring.Bind(
                ring.Cql.InsertChannel,
                channel.ChannelId,
                (int)channel.Type,
                channel.Name ?? "",
                channel.Name is not null,
                channel.Home,
                channel.Version,
                channel.Position,
                channel.CreatedAt,
                channel.Members.Count,
                timestamp),
        };
        for (var i = 0; i < channel.Members.Count; i++)
        {
            var member = channel.Members[i];
            statements.Add(ring.Bind(
                ring.Cql.InsertMember, channel.ChannelId, i, member.UserId, (int)member.Role, member.From, member.Until ?? Stays, member.Version, timestamp));
        }
        await WriteAsync(ring, PartitionBatches.Of(statements), cancellationToken);
    }

    /// <summary>
    /// One channel's pointers and cursors. Each has its own value's time as timestamp and, where that is the same, the larger wins as the larger value: a lower one changes
    /// nothing. Cursors come first: a pointer that stood there without its cursor would count as read whatever came late.
    /// </summary>
    private async Task WriteReceiptsAsync(Ring ring, IEnumerable<ReceiptRow> receipts, CancellationToken cancellationToken)
    {
        var delivered = new Dictionary<string, Ulid>();
        var marks = new Dictionary<string, ReadMark>();
        var channelId = "";
        foreach (var receipt in receipts)
        {
            channelId = receipt.ChannelId;
            if (receipt.DeliveredUpTo is { } id && (!delivered.TryGetValue(receipt.UserId, out var known) || id > known)) delivered[receipt.UserId] = id;
            if (receipt.ReadUpTo is { } upTo) marks[receipt.UserId] = marks.GetValueOrDefault(receipt.UserId).Merge(ReadMark.Of(upTo, receipt.ReadCursor));
        }
        var cursors = new List<BoundStatement>();
        var pointers = new List<BoundStatement>();
        foreach (var (user, mark) in marks)
        {
            if (mark is { CursorUpTo: { } withCursor, Cursor: { } cursor })
            {
                cursors.Add(Raise(ring.Cql.RaiseCursorPointer, user, withCursor));
                cursors.Add(ring.Bind(ring.Cql.RaiseCursor, RowTimes.OfCursor(cursor), cursor.ToSortableBytes(), channelId, user));
            }
            pointers.Add(Raise(ring.Cql.RaiseRead, user, mark.UpTo!.Value));
        }
        foreach (var (user, id) in delivered) pointers.Add(Raise(ring.Cql.RaiseDelivered, user, id));
        // Of even length, so that the two columns of one row stand in one mutation.
        await AllAsync(cursors.Chunk(BatchRows / 2 * 2).ToList(), chunk => WriteAsync(ring, PartitionBatches.Of(chunk), cancellationToken));
        await AllAsync(pointers.Chunk(BatchRows).ToList(), chunk => WriteAsync(ring, PartitionBatches.Of(chunk), cancellationToken));

        BoundStatement Raise(string cql, string user, Ulid id) => ring.Bind(cql, RowTimes.OfId(id), id.ToByteArray(), channelId, user);
    }
}
