using System.Diagnostics.Metrics;
using Chat.Cells.Cell.Messaging;

namespace Chat.Cells.Cell.Connections;

/// <summary>What the gateway counts: meter <c>Chat.Cells.Cell</c>.</summary>
internal static class GatewayMetrics
{
    private static readonly Meter Meter = new(CellMeter.Name);

    public static readonly UpDownCounter<int> Sockets = Meter.CreateUpDownCounter<int>("chatcells.sockets", "{socket}", "Open sockets.");
    public static readonly Counter<long> Connects = Meter.CreateCounter<long>("chatcells.connects", "{socket}", "Sockets accepted, by outcome.");
    public static readonly Counter<long> Closes = Meter.CreateCounter<long>("chatcells.closes", "{socket}", "Sockets closed, by code.");
    public static readonly Counter<long> Frames = Meter.CreateCounter<long>("chatcells.frames", "{frame}", "Frames received.");
    public static readonly Counter<long> Errors = Meter.CreateCounter<long>("chatcells.errors", "{frame}", "Error frames sent, by code.");
    public static readonly Counter<long> Acks = Meter.CreateCounter<long>("chatcells.acks", "{frame}", "Messages acked.");
    public static readonly Histogram<double> AckLatency = Meter.CreateHistogram<double>("chatcells.ack.latency", "s", "From a message's arrival until its ack.");
    public static readonly Counter<long> SlowSockets = Meter.CreateCounter<long>("chatcells.slow_sockets", "{socket}", "Sockets closed because they took too little.");
    public static readonly Counter<long> Hints = Meter.CreateCounter<long>("chatcells.hints", "{socket}", "Live records offered to sockets, by outcome.");
    public static readonly Counter<long> InboxReads = Meter.CreateCounter<long>("chatcells.inbox.reads", "{read}", "Reads of an inbox for a socket.");
    public static readonly Counter<long> Lost = Meter.CreateCounter<long>("chatcells.server_messages.dropped", "{message}", "Verdicts and hints dropped because too many waited.");
    public static readonly Counter<long> Receipts = Meter.CreateCounter<long>("chatcells.receipts", "{record}", "Receipt records appended.");

    public static readonly Counter<long> UnreadFrames = Meter.CreateCounter<long>("chatcells.unread.frames", "{frame}", "Frames that told a socket what is unread.");
    public static readonly Counter<long> UnreadRebuilds = Meter.CreateCounter<long>("chatcells.unread.rebuilds", "{user}", "Users whose unread sets were rebuilt from the store.");

    public static KeyValuePair<string, object?> Outcome(string outcome) => new("outcome", outcome);
    public static KeyValuePair<string, object?> Code(string code) => new("code", code);
}
