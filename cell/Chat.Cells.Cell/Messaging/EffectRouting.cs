using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Messaging;

/// <summary>Turns a decision into inbox events for those who live here and one record for each other cell that is concerned.</summary>
public sealed class EffectRouting(ICellDirectory cells, ushort logPartition)
{
    /// <summary>So many cells that the map has never named are written for; their names come from other cells, which may name what they like.</summary>
    private const int MaxJoining = 8;

    private readonly long source = InboxSource.Create(cells.CellNumber, logPartition, 0);
    private readonly HashSet<string> joining = [];

    public (IReadOnlyList<InboxRecord> Inbox, IReadOnlyList<OutboundRecord> Outbound) Message(
        MessageRow message, string requestId, IReadOnlyList<SnapshotMember> members, long offset)
    {
        var recipients = ByHome(members, out var remote);
        var inbox = recipients.Count == 0 ? (IReadOnlyList<InboxRecord>)[] :
        [
            new InboxRecord(source, InboxSource.Offset(offset), recipients, InboxKind.Message, message.ChannelId, message.MessageId, message.SenderId, requestId,
                message.ChannelVersion, EventPayload.Message(message)),
        ];
        if (remote is null) return (inbox, []);
        var outbound = new List<OutboundRecord>(remote.Count);
        foreach (var (cell, users) in remote)
        {
            outbound.Add(To(cell, offset, new BridgedMessage(
                message.ChannelId, message.MessageId, message.SenderId, message.ContentType, message.Content, message.ReplyTo, message.ChannelVersion, users)));
        }
        return (inbox, outbound);
    }

    /// <summary>Tells all members: history shows the message to each of them, also to those who came after it.</summary>
    /// <param name="sender">The message's.</param>
    public (IReadOnlyList<InboxRecord> Inbox, IReadOnlyList<OutboundRecord> Outbound) Change(
        MessageChange change, string sender, int channelVersion, string requestId, IReadOnlyList<SnapshotMember> members, long offset)
    {
        var recipients = ByHome(members, out var remote);
        var inbox = recipients.Count == 0 ? (IReadOnlyList<InboxRecord>)[] :
        [
            new InboxRecord(source, InboxSource.Offset(offset), recipients, InboxKind.MessageChanged, change.ChannelId, change.EventId, change.ChangedBy, requestId,
                channelVersion, EventPayload.MessageChanged(change, sender)),
        ];
        if (remote is null) return (inbox, []);
        var outbound = new List<OutboundRecord>(remote.Count);
        foreach (var (cell, users) in remote)
        {
            outbound.Add(To(cell, offset, new BridgedChange(
                change.ChannelId, change.MessageId, change.EventId, sender, change.ChangedBy, change.IsDeletion, change.ContentType, change.Content, channelVersion, users)));
        }
        return (inbox, outbound);
    }

    /// <summary>Tells the members, and those who were removed, who live here.</summary>
    public IReadOnlyList<InboxRecord> ChannelChanged(
        ChannelRow row, IReadOnlyList<SnapshotMember> before, IReadOnlyList<SnapshotMember> after, Ulid eventId, string actor, long offset)
    {
        var inbox = new List<InboxRecord>(2);
        var members = ByHome(after, out _);
        if (members.Count > 0) inbox.Add(Event(members, EventPayload.ChannelChanged(row, after, eventId, removed: false), InboxSource.Offset(offset)));
        var removed = ByHome(Without(before, after), out _);
        if (removed.Count > 0) inbox.Add(Event(removed, EventPayload.ChannelChanged(row, after, eventId, removed: true), InboxSource.SecondOffset(offset)));
        return inbox;

        InboxRecord Event(IReadOnlyList<string> users, ReadOnlyMemory<byte> payload, long sourceOffset) =>
            new(source, sourceOffset, users, InboxKind.ChannelChanged, row.ChannelId, eventId, actor, "", row.Version, payload);
    }

    /// <summary>The channel's new state for every other cell that has, or until this change had, a member.</summary>
    public IReadOnlyList<OutboundRecord> Snapshots(ChannelRow row, IReadOnlyList<SnapshotMember> before, IReadOnlyList<SnapshotMember> after, long offset)
    {
        ByHome(after, out var remote);
        ByHome(Without(before, after), out var left);
        if (remote is null && left is null) return [];
        var snapshot = new SnapshotRecord(row.ChannelId, new ChannelSnapshot(row.Type, row.Name, row.Home, row.Version, row.CreatedAt, after), cells.CellName);
        var body = new BridgedChannelRecord(row.ChannelId, ChannelRecord.Encode(snapshot));
        var outbound = new List<OutboundRecord>();
        foreach (var cell in remote?.Keys ?? Enumerable.Empty<string>()) outbound.Add(To(cell, offset, body));
        foreach (var cell in left?.Keys ?? Enumerable.Empty<string>())
        {
            if (remote is null || !remote.ContainsKey(cell)) outbound.Add(To(cell, offset, body));
        }
        return outbound;
    }

    /// <summary>A command for the cell that decides; no gateway there waits for its verdict.</summary>
    public IReadOnlyList<OutboundRecord> CommandToHome(CommandRecord command, string home, long offset)
    {
        var passedOn = command with { Origin = command.Origin with { ServerId = "" } };
        return [To(home, offset, new BridgedChannelRecord(command.ChannelId, ChannelRecord.Encode(passedOn)))];
    }

    /// <summary>Tells the reader's other devices.</summary>
    public IReadOnlyList<InboxRecord> ReadByUser(ReceiptRecord receipt, Ulid readUpTo, Ulid eventId, long offset) =>
    [
        new InboxRecord(source, InboxSource.Offset(offset), [receipt.UserId], InboxKind.Read, receipt.ChannelId, eventId, receipt.UserId, "", 0,
            EventPayload.Read(receipt.ChannelId, readUpTo, receipt.ReadCursor, eventId)),
    ];

    /// <summary>Tells the authors, as far as they are members.</summary>
    public (ReceiptHint? Hint, IReadOnlyList<OutboundRecord> Outbound) Receipt(ReceiptRecord receipt, ChannelView channel, long offset)
    {
        var authors = new List<SnapshotMember>(receipt.Authors.Count);
        foreach (var author in receipt.Authors)
        {
            if (author != receipt.UserId && channel.RoleOf(author) is { } role) authors.Add(new SnapshotMember(author, role));
        }
        var here = ByHome(authors, out var remote);
        var hint = here.Count == 0 ? null : new ReceiptHint(receipt.ChannelId, receipt.UserId, receipt.DeliveredUpTo, receipt.ReadUpTo, here);
        if (remote is null) return (hint, []);
        var outbound = new List<OutboundRecord>(remote.Count);
        foreach (var (cell, users) in remote)
        {
            outbound.Add(To(cell, offset, new BridgedReceipt(receipt.ChannelId, receipt.UserId, receipt.DeliveredUpTo, receipt.ReadUpTo, users)));
        }
        return (hint, outbound);
    }

    private OutboundRecord To(string cell, long offset, BridgeBody body) => new(cell, new BridgeRecord(cells.CellNumber, logPartition, offset, 0, body));

    private List<string> ByHome(IReadOnlyList<SnapshotMember> members, out Dictionary<string, List<string>>? remote)
    {
        var here = new List<string>(members.Count);
        remote = null;
        foreach (var member in members)
        {
            if (FindHome(member.UserId) is not { } home) continue;
            if (home == cells.CellName)
            {
                here.Add(member.UserId);
                continue;
            }
            remote ??= [];
            if (!remote.TryGetValue(home, out var users)) remote[home] = users = [];
            users.Add(member.UserId);
        }
        return here;
    }

    /// <summary>
    /// Where a user lives; null for nowhere. A cell that the map doesn't have yet (a new one is in other servers' maps sooner than in ours) is the home of those who were born
    /// there: what is written for it waits until its bridge comes for it. Left out, they would never get it.
    /// </summary>
    private string? FindHome(string userId)
    {
        if (cells.TryGetHome(userId, out var home)) return home;
        if (!UserId.TryGetBirthCell(userId, out var birth)) return null;
        var cell = birth.ToString();
        if (cells.TryGetNumber(cell, out _)) return null; // it was there, and has left no successor
        return joining.Contains(cell) || (joining.Count < MaxJoining && joining.Add(cell)) ? cell : null;
    }

    private static List<SnapshotMember> Without(IReadOnlyList<SnapshotMember> before, IReadOnlyList<SnapshotMember> after)
    {
        var kept = new HashSet<string>(after.Count);
        foreach (var member in after) kept.Add(member.UserId);
        var gone = new List<SnapshotMember>();
        foreach (var member in before)
        {
            if (!kept.Contains(member.UserId)) gone.Add(member);
        }
        return gone;
    }
}
