using System.Text.Unicode;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Bridging;

/// <summary>
/// What a peer may send: messages, changes of messages and receipts of users who live there to users who live here; the state of channels that it decides; commands of its users about
/// channels that we decide. The peer is the authenticated one, never what a record says.
/// </summary>
public static class BridgeAdmission
{
    /// <summary>How far ahead of our clock a message id may lie, in ms.</summary>
    private const long MaxAhead = 2 * Judge.MaxAfterAhead;

    private const int MaxContentTypeLength = 128;

    /// <summary>Why a record is refused; null when it may be served.</summary>
    /// <param name="now">Unix ms.</param>
    public static string? Refusal(BridgeRecord record, string peer, ReadOnlySpan<byte> key, ICellDirectory cells, long now)
    {
        if (record.Hops != 0) return "it was passed on, which nothing does yet";
        if (!cells.TryGetNumber(peer, out var number) || number != record.OriginCell) return "its origin is not the peer";
        if (record.OriginOffset >= 1L << 48) return "its offset is out of range";
        if (!ChannelId.TryGetType(record.Body.ChannelId, out var type)) return "its channel id is malformed";
        if (!Utf8Equals(key, record.Body.ChannelId)) return "its key is not the channel id";
        return record.Body switch
        {
            BridgedMessage message => Message(record, message, type, peer, cells, now),
            BridgedChange change => Change(record, change, type, peer, cells, now),
            BridgedReceipt receipt => Receipt(receipt, peer, cells),
            BridgedChannelRecord channel => Channel(channel, peer, cells),
            _ => "its kind is not known",
        };
    }

    /// <summary>The record to append to the local channel partition: as sent, but with the authenticated peer.</summary>
    /// <exception cref="RecordFormatException">Malformed, or neither a state nor a command.</exception>
    public static ChannelRecord ForJudge(BridgedChannelRecord body, string peer) => ChannelRecord.Decode(body.Record) switch
    {
        SnapshotRecord snapshot => snapshot with { FromCell = peer },
        CommandRecord command => command with { FromCell = peer, Origin = command.Origin with { ServerId = "" } },
        var other => throw new RecordFormatException($"{other.GetType().Name} does not travel between cells."),
    };

    /// <summary>Why a change that may come from the peer is not one of this message; null when it is, or when the message isn't here (yet).</summary>
    public static string? Refusal(BridgedChange change, MessageRow? message) =>
        message is null || message.SenderId == change.SenderId ? null : "its message was sent by another than it says";

    private static string? Message(BridgeRecord record, BridgedMessage message, ChannelType type, string peer, ICellDirectory cells, long now)
    {
        if (!LivesIn(message.SenderId, peer, cells)) return "its sender does not live in the peer";
        if (!AllLiveHere(message.Recipients, cells)) return "a recipient does not live here";
        if (Place(record, message.MessageId, type, now) is { } wrong) return wrong;
        if (type == ChannelType.Direct && (message.Recipients.Count != 1 || ChannelId.ForDirect(message.SenderId, message.Recipients[0]) != message.ChannelId))
        {
            return "sender and recipient are not the channel's members";
        }
        return Content(message.ContentType, message.Content);
    }

    private static string? Change(BridgeRecord record, BridgedChange change, ChannelType type, string peer, ICellDirectory cells, long now)
    {
        if (!LivesIn(change.ChangedBy, peer, cells)) return "who changed it does not live in the peer";
        if (!AllLiveHere(change.Recipients, cells)) return "a recipient does not live here";
        if (Place(record, change.EventId, type, now) is { } wrong) return wrong;
        if (MessageId.TimeOf(change.MessageId) > now + MaxAhead) return "its message is from the future";
        if (change.ChangedBy != change.SenderId && !(change.IsDeletion && type == ChannelType.Group)) return "only its sender may do this to a message";
        if (type == ChannelType.Direct && (change.Recipients.Count != 1 || ChannelId.ForDirect(change.ChangedBy, change.Recipients[0]) != change.ChannelId))
        {
            return "who changed it and the recipient are not the channel's members";
        }
        if (change.IsDeletion) return change.ContentType.Length == 0 && change.Content.IsEmpty ? null : "a deletion has no content";
        return Content(change.ContentType, change.Content);
    }

    private static string? Place(BridgeRecord record, Ulid id, ChannelType type, long now)
    {
        if (MessageId.PositionOf(id) != (record.OriginCell, record.OriginPartition, record.OriginOffset)) return "its id is not of its position";
        if (MessageId.TimeOf(id) > now + MaxAhead) return "its id is from the future";
        return Topics.FromLogPartition(record.OriginPartition).Topic == Topics.ForChannel(type) ? null : "its partition is of the other kind of channel";
    }

    private static string? Content(string contentType, ReadOnlyMemory<byte> content)
    {
        if (content.Length > ProtocolLimits.MaxTextBytes) return "its content is too long";
        if (contentType.Length > MaxContentTypeLength) return "its content type is too long";
        return Utf8.IsValid(content.Span) ? null : "its content is not UTF-8";
    }

    private static string? Receipt(BridgedReceipt receipt, string peer, ICellDirectory cells)
    {
        if (!LivesIn(receipt.UserId, peer, cells)) return "its user does not live in the peer";
        return AllLiveHere(receipt.Recipients, cells) ? null : "a recipient does not live here";
    }

    private static string? Channel(BridgedChannelRecord body, string peer, ICellDirectory cells)
    {
        ChannelRecord record;
        try
        {
            record = ForJudge(body, peer);
        }
        catch (RecordFormatException e)
        {
            return e.Message;
        }
        if (record.ChannelId != body.ChannelId) return "its channel record is of another channel";
        return record switch
        {
            SnapshotRecord snapshot => SnapshotRules.MaySend(snapshot.ChannelId, snapshot.Snapshot, peer, cells) ? null : "the peer does not decide this channel",
            CommandRecord command => CommandRefusal(command, peer, cells),
            _ => "its kind is not known",
        };
    }

    private static string? CommandRefusal(CommandRecord command, string peer, ICellDirectory cells)
    {
        if (!LivesIn(command.Origin.UserId, peer, cells)) return "its actor does not live in the peer";
        if (!ChannelId.TryGetType(command.ChannelId, out var type) || type != ChannelType.Group) return "direct channels take no commands from elsewhere";
        if (ChannelId.HomeOfGroup(command.ChannelId) != cells.CellName) return "the channel is not decided here";
        if (!Enum.IsDefined(command.Command) || command.Command == ChannelCommand.Create) return "such a command does not travel";
        return command.Origin.RequestId.Length is 0 or > ProtocolLimits.MaxRequestIdLength ? "its request id is malformed" : null;
    }

    private static bool LivesIn(string userId, string cell, ICellDirectory cells) => cells.TryGetHome(userId, out var home) && home == cell;

    private static bool AllLiveHere(IReadOnlyList<string> users, ICellDirectory cells)
    {
        if (users.Count is 0 or > ProtocolLimits.MaxChannelMembers) return false;
        foreach (var user in users)
        {
            if (!LivesIn(user, cells.CellName, cells)) return false;
        }
        return true;
    }

    private static bool Utf8Equals(ReadOnlySpan<byte> utf8, string text)
    {
        Span<byte> bytes = stackalloc byte[256];
        return System.Text.Encoding.UTF8.TryGetBytes(text, bytes, out var length) && utf8.SequenceEqual(bytes[..length]);
    }
}
