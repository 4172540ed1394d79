using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Unread;

internal enum UnreadEventKind
{
    /// <summary>Changes nothing, for example a change of members.</summary>
    None,

    /// <summary>A message came.</summary>
    Message,

    /// <summary>The user has read up to a message.</summary>
    Read,

    /// <summary>The user is no longer a member.</summary>
    Left,
}

/// <summary>What an inbox record means for what its recipients have not read.</summary>
/// <param name="Id">The message's.</param>
/// <param name="SenderId">For a message: it doesn't count for its own sender.</param>
/// <param name="Read">How far the user has read.</param>
internal readonly record struct UnreadEvent(UnreadEventKind Kind, string ChannelId, Ulid Id = default, string SenderId = "", ReadMark Read = default)
{
    public static UnreadEvent Of(InboxRecord record) => record.Kind switch
    {
        InboxKind.Message => new UnreadEvent(UnreadEventKind.Message, record.ChannelId, record.EventId, record.SenderId),
        InboxKind.Read when EventPayload.ReadOf(record.Payload) is { } read => new UnreadEvent(UnreadEventKind.Read, record.ChannelId, Read: read),
        InboxKind.ChannelChanged when EventPayload.IsRemoval(record.Payload) => new UnreadEvent(UnreadEventKind.Left, record.ChannelId),
        _ => new UnreadEvent(UnreadEventKind.None, record.ChannelId),
    };
}
