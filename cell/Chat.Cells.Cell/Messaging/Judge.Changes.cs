using System.Text.Unicode;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Messaging;

/// <summary>
/// Edits and deletions of messages. Whether a message is there, and whether it is deleted, may have come from another cell: that is no function of this log, and another
/// one at a replay. So that nothing that was told to anybody is taken back: what the remembered request says of this very position is decided again (it is stored before
/// anybody is told), changes that this log makes at this position or later don't count, and the id is taken whatever becomes of the record, so that the ids behind it
/// stay the same. Before the request is stored only the store has seen the decision, and a replay may decide otherwise: what bridges bring never makes an edit win over
/// a deletion, nor a message go away.
/// </summary>
public sealed partial class Judge
{
    private Judgement Change(Position at, ChangeRecord record)
    {
        if (!Utf8.IsValid(record.Content.Span)) throw new RecordFormatException("The content is not UTF-8.");
        var origin = record.Origin;
        var key = KeyOf(record.ChannelId, origin);
        var hash = ContentHash.Of(record);
        if (at.RequestBefore(key) is { } first) return Again(origin, first, hash, wantsVerdict: true, record.MessageId);

        var channel = at.State.ChannelBefore(record.ChannelId, at.Offset);
        if (record.ChannelVersion > (channel?.Row.Version ?? 0)) return Retry(origin, record.ChannelId, RetryVersion);
        if (channel is null || !channel.IsMember(origin.UserId)) return Refuse(at, key, origin, hash, ErrorCodes.NotMember);

        var before = at.State.JudgedAt(key, at.Offset);
        var id = NextId(at, null, before?.MessageId is { } given && IsFrom(given, at.Offset) ? given : null);
        if (before?.ErrorCode is { } error) return Refuse(at, key, origin, hash, error);

        var known = at.State.MessageOf(record.ChannelId, record.MessageId);
        if (known.Row is not { } message || IsAtOrAfter(record.MessageId, at.Offset)) return Refuse(at, key, origin, hash, ErrorCodes.UnknownMessage);
        if (!MayChange(record, message, channel)) return Refuse(at, key, origin, hash, ErrorCodes.Forbidden);
        if (DeletionBefore(at, known, before) is { } deletion)
        {
            if (!record.IsDeletion) return Refuse(at, key, origin, hash, ErrorCodes.Deleted);
            return Changed(deletion); // as it was asked for: nothing new for anyone
        }

        var change = new MessageChange(
            record.ChannelId, record.MessageId, id, record.IsDeletion, origin.UserId, record.IsDeletion ? "" : record.ContentType, record.IsDeletion ? default : record.Content);
        var (inbox, outbound) = routing.Change(change, message.SenderId, channel.Row.Version, origin.RequestId, channel.Members, at.Offset);
        return Changed(id, change, inbox, outbound);

        Judgement Changed(Ulid eventId, MessageChange? change = null, IReadOnlyList<InboxRecord>? inbox = null, IReadOnlyList<OutboundRecord>? outbound = null) => new()
        {
            As = JudgedAs.Accepted,
            Change = change,
            Request = new RequestRow(key.ChannelId, key.SenderId, key.RequestId, at.Offset, eventId, hash, null, at.AppendTime),
            Inbox = inbox ?? [],
            Outbound = outbound ?? [],
            ServerId = origin.ServerId,
            Verdict = VerdictOf(origin, record.ChannelId, record.MessageId, null, 0, eventId),
        };
    }

    /// <summary>Only the sender edits; in a group admins and owners delete what others sent.</summary>
    private static bool MayChange(ChangeRecord record, MessageRow message, ChannelView channel) =>
        message.SenderId == record.Origin.UserId
        || (record.IsDeletion && channel.Row.Type == ChannelType.Group && channel.RoleOf(record.Origin.UserId) >= MemberRole.Admin);

    /// <summary>The event that had deleted the message before this record; null when none had.</summary>
    private Ulid? DeletionBefore(Position at, KnownMessage known, RequestRow? judged)
    {
        if (judged is { MessageId: { } eventId }) return IsFrom(eventId, at.Offset) ? null : eventId;
        return known.Change is { IsDeletion: true } deletion && !IsAtOrAfter(deletion.EventId, at.Offset) ? deletion.EventId : null;
    }

    private bool IsFrom(Ulid id, long offset) => MessageId.PositionOf(id) == (cells.CellNumber, logPartition, offset);

    /// <summary>Whether an id was given out by this log at a position or later.</summary>
    private bool IsAtOrAfter(Ulid id, long offset)
    {
        var position = MessageId.PositionOf(id);
        return position.CellNumber == cells.CellNumber && position.LogPartition == logPartition && position.Offset >= offset;
    }
}
