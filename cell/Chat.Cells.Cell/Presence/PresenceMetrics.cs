using System.Diagnostics.Metrics;
using Chat.Cells.Cell.Messaging;

namespace Chat.Cells.Cell.Presence;

/// <summary>What is counted of presence and typing: meter <c>Chat.Cells.Cell</c>.</summary>
internal static class PresenceMetrics
{
    private static readonly Meter Meter = new(CellMeter.Name);

    public static readonly Counter<long> Updates = Meter.CreateCounter<long>("presence.updates", "{update}", "Changes of presence that this server told of its users, by the user's status.");
    public static readonly Histogram<double> UpdateLatency = Meter.CreateHistogram<double>(
        "presence.update", "s", "From a change of presence, by the clock of the server where it happened, until it is queued for the sockets that view the user here.");

    public static readonly Counter<long> Shown = Meter.CreateCounter<long>("presence.shown", "{frame}", "Presence frames queued for viewers.");
    public static readonly Counter<long> Typing = Meter.CreateCounter<long>("typing.notices", "{notice}", "Typing notices, by outcome.");
    public static readonly UpDownCounter<int> Viewed = Meter.CreateUpDownCounter<int>("presence.viewed", "{user}", "Users whose presence somebody views here.");
    public static readonly UpDownCounter<int> PeerStreams = Meter.CreateUpDownCounter<int>("presence.peer.streams", "{stream}", "Open streams of presence and typing, by direction.");

    public static KeyValuePair<string, object?> Status(PresenceStatus status) => new("status", LiveFrames.NameOf(status));
    public static KeyValuePair<string, object?> Outcome(string outcome) => new("outcome", outcome);
    public static KeyValuePair<string, object?> Direction(string direction) => new("direction", direction);
}
