using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Messaging;

/// <summary>Everything that one record causes, in the order in which it is done: rows, inbox events, records for other cells, then the verdict.</summary>
public sealed class Judgement
{
    public required JudgedAs As { get; init; }

    public MessageRow? Message { get; init; }

    public MessageChange? Change { get; init; }

    public ChannelRow? Channel { get; init; }

    public ReceiptRow? Receipt { get; init; }

    public RequestRow? Request { get; init; }

    /// <summary>Events for users who live here; split by inbox partition when they are appended.</summary>
    public IReadOnlyList<InboxRecord> Inbox { get; init; } = [];

    /// <summary>One record per other cell that is concerned.</summary>
    public IReadOnlyList<OutboundRecord> Outbound { get; init; } = [];

    /// <summary>The server that waits for <see cref="Verdict"/>; empty when none does.</summary>
    public string ServerId { get; init; } = "";

    public Verdict? Verdict { get; init; }

    /// <summary>A live hint for authors who live here; best effort.</summary>
    public ReceiptHint? ReceiptHint { get; init; }
}

/// <summary>A record for another cell.</summary>
public readonly record struct OutboundRecord(string Cell, BridgeRecord Record);

/// <summary>How a record was judged; the metrics' label.</summary>
public enum JudgedAs
{
    /// <summary>A message, a change or a pointer that counts.</summary>
    Accepted,

    /// <summary>A request that was judged before: the first verdict again.</summary>
    Repeat,

    /// <summary>Refused for good.</summary>
    Refused,

    /// <summary>The sender is told to send it again.</summary>
    Retry,

    /// <summary>Nothing to do: an older version, or not from a member.</summary>
    Ignored,
}
