using System.Diagnostics.Metrics;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Connections;

/// <summary>What the gateway counts: meter <c>Chat.Cells.Cell</c>.</summary>
internal static class GatewayMetrics
{
    private static readonly Meter Meter = new(CellMeter.Name);

    public static readonly UpDownCounter<int> Sockets = Meter.CreateUpDownCounter<int>("websocket.active_connections", "{socket}", "Open sockets.");
    public static readonly Counter<long> Connects = Meter.CreateCounter<long>("websocket.connections", "{socket}", "Sockets that were asked for, by outcome.");
    public static readonly Counter<long> Closes = Meter.CreateCounter<long>("websocket.disconnections", "{socket}", "Sockets closed, by code.");
    public static readonly Counter<long> Frames = Meter.CreateCounter<long>("chatcells.frames", "{frame}", "Frames received.");
    public static readonly Counter<long> Errors = Meter.CreateCounter<long>("websocket.errors", "{frame}", "Error frames sent, by code.");
    public static readonly Counter<long> Acks = Meter.CreateCounter<long>("messages.sent", "{message}", "Messages acked to their senders.");
    public static readonly Counter<long> ChangeAcks = Meter.CreateCounter<long>("messages.changed", "{change}", "Edits and deletions of messages acked to those who asked for them.");
    public static readonly Histogram<double> AckLatency = Meter.CreateHistogram<double>("chatcells.ack.latency", "s", "From a message's arrival until its ack.");

    /// <summary>Sockets whose client has been here before: <c>outcome</c> is <c>continued</c>, or <c>reset</c> when it had to begin anew.</summary>
    public static readonly Counter<long> Reconnections = Meter.CreateCounter<long>("websocket.reconnections", "{socket}", "Sockets that came with a cursor, by outcome.");

    private static readonly Histogram<double> DeliveryLatency = Meter.CreateHistogram<double>(
        "message.delivery", "s", "From a message's id, the time of its append, until it is queued for a socket that is up to date.");

    public static readonly Histogram<double> AppendLatency = Meter.CreateHistogram<double>("log.append", "s", "Until the log has made a gateway's record durable.");

    public static readonly Counter<long> SlowSockets = Meter.CreateCounter<long>("chatcells.slow_sockets", "{socket}", "Sockets closed because they took too little.");
    public static readonly Counter<long> Hints = Meter.CreateCounter<long>("chatcells.hints", "{socket}", "Live records offered to sockets, by outcome.");
    public static readonly Counter<long> InboxReads = Meter.CreateCounter<long>("chatcells.inbox.reads", "{read}", "Reads of an inbox for a socket.");
    public static readonly Counter<long> InboxUnreadable = Meter.CreateCounter<long>("chatcells.inbox.unreadable", "{row}", "Rows of inboxes that could not be shown and were passed over.");
    public static readonly Counter<long> Lost = Meter.CreateCounter<long>("chatcells.server_messages.dropped", "{message}", "Verdicts and hints dropped because too many waited.");
    public static readonly Counter<long> Receipts = Meter.CreateCounter<long>("chatcells.receipts", "{record}", "Receipt records appended.");

    public static readonly Counter<long> UnreadFrames = Meter.CreateCounter<long>("chatcells.unread.frames", "{frame}", "Frames that told a socket what is unread.");
    public static readonly Counter<long> UnreadRebuilds = Meter.CreateCounter<long>("chatcells.unread.rebuilds", "{user}", "Users whose unread sets were rebuilt from the store.");

    /// <summary>A record was queued for a socket that follows live.</summary>
    /// <param name="now">Unix ms.</param>
    public static void DeliveredLive(InboxRecord record, long now)
    {
        if (record.Kind == InboxKind.Message) DeliveryLatency.Record(Math.Max(0, now - record.EventId.Time.ToUnixTimeMilliseconds()) / 1000.0);
    }

    public static KeyValuePair<string, object?> Outcome(string outcome) => new("outcome", outcome);
    public static KeyValuePair<string, object?> Code(string code) => new("code", code);
}
