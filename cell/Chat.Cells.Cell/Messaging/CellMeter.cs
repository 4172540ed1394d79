using System.Diagnostics.Metrics;

namespace Chat.Cells.Cell.Messaging;

/// <summary>The counters of the message path: meter <c>Chat.Cells.Cell</c>.</summary>
public static class CellMeter
{
    public const string Name = "Chat.Cells.Cell";

    private static readonly Meter Meter = new(Name);

    /// <summary>Records judged, by <c>outcome</c> (accepted, repeat, refused, retry, ignored).</summary>
    public static readonly Counter<long> Judged = Meter.CreateCounter<long>("chatcells.judged", "{record}", "Records of channels that were judged.");

    /// <summary>Records put on <c>chat.dead</c>, by <c>role</c>.</summary>
    public static readonly Counter<long> Dead = Meter.CreateCounter<long>("chatcells.dead", "{record}", "Records that can't be used, kept on chat.dead with the reason.");

    /// <summary>Inbox rows written.</summary>
    public static readonly Counter<long> Delivered = Meter.CreateCounter<long>("chatcells.delivered", "{row}", "Events written to users' inboxes.");

    /// <summary>Inbox records that were delivered before.</summary>
    public static readonly Counter<long> DuplicatesDropped = Meter.CreateCounter<long>("chatcells.delivery.duplicates", "{record}", "Inbox records dropped because they were delivered before.");

    /// <summary>Inbox records whose predecessor is missing; their producer appends both again.</summary>
    public static readonly Counter<long> GapsDropped = Meter.CreateCounter<long>("chatcells.delivery.gaps", "{record}", "Inbox records dropped because the one before them failed; both come again.");

    /// <summary>Hints and verdicts that could not be published; clients find what they missed by retry and heartbeat.</summary>
    public static readonly Counter<long> PublishFailed = Meter.CreateCounter<long>("chatcells.publish.failed", "{message}", "Hints and verdicts that could not be published.");

    /// <summary>Updates of unread sets that failed; the sets are rebuilt from the store when they are asked for.</summary>
    public static readonly Counter<long> UnreadFailed = Meter.CreateCounter<long>("chatcells.unread.failed", "{batch}", "Batches of delivered events that could not be added to unread sets.");

    /// <summary>Time from a record's append to the commit that follows its effects, in seconds, by <c>role</c>.</summary>
    public static readonly Histogram<double> Latency = Meter.CreateHistogram<double>("chatcells.latency", "s", "From a record's append until its effects are done.");

    /// <summary>Bridged records served here, by <c>source</c>.</summary>
    public static readonly Counter<long> BridgeServed = Meter.CreateCounter<long>("chatcells.bridge.served", "{record}", "Records of other cells that took effect here.");

    /// <summary>Bridged records appended here, by <c>source</c>.</summary>
    public static readonly Counter<long> BridgeAppended = Meter.CreateCounter<long>("chatcells.bridge.appended", "{record}", "Records of other cells appended here.");

    /// <summary>Bridged records that came again, by <c>source</c>.</summary>
    public static readonly Counter<long> BridgeRepeated = Meter.CreateCounter<long>("chatcells.bridge.repeated", "{record}", "Records of other cells that were here already.");

    /// <summary>Bridged records that the peer may not send, by <c>source</c>.</summary>
    public static readonly Counter<long> BridgeRefused = Meter.CreateCounter<long>("chatcells.bridge.refused", "{record}", "Records that a peer may not send.");

    /// <summary>Batches whose first offset is not the next one, by <c>source</c>.</summary>
    public static readonly Counter<long> BridgeGaps = Meter.CreateCounter<long>("chatcells.bridge.gaps", "{batch}", "Batches of another cell that left out records.");
}
