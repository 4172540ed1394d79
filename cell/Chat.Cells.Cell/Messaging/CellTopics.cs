using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Messaging;

/// <summary>Creates the topics of a cell.</summary>
public static class CellTopics
{
    private static readonly TimeSpan Retention = TimeSpan.FromDays(7);
    private static readonly TimeSpan DeadRetention = TimeSpan.FromDays(30);
    private static readonly TimeSpan PresenceRetention = TimeSpan.FromHours(1);
    private static readonly TimeSpan NotificationRetention = TimeSpan.FromDays(1);

    /// <summary>Creates what is missing: the cell's own topics, and both directions of every peer.</summary>
    public static ValueTask EnsureAsync(IMessageLog log, Topics topics, ICellDirectory cells, CancellationToken cancellationToken) =>
        log.EnsureTopicsAsync(All(topics, cells.CellName, cells.Peers), cancellationToken);

    /// <summary>All topics of a cell that has these peers.</summary>
    public static IReadOnlyList<TopicSpec> All(Topics topics, string cell, IEnumerable<string> peers)
    {
        var specs = new List<TopicSpec>
        {
            new(Topics.DirectMessages, topics.Direct, Retention),
            new(Topics.GroupMessages, topics.Group, Retention),
            new(Topics.InboxTopic, topics.Inbox, Retention),
            new(Topics.Dead, 1, DeadRetention),
            new(Topics.Presence, topics.Status, PresenceRetention) { Compacted = true, Ephemeral = true },
            new(Topics.Notifications, topics.Status, NotificationRetention),
        };
        foreach (var peer in peers)
        {
            specs.Add(Outbound(topics, peer));
            specs.Add(Inbound(topics, peer, cell));
        }
        return specs;
    }

    /// <summary>What a peer's bridge reads here.</summary>
    public static TopicSpec Outbound(Topics topics, string peer) => new(Topics.BridgeTo(peer), topics.Bridge, Retention);

    /// <summary>The local copy of what a peer has for us.</summary>
    public static TopicSpec Inbound(Topics topics, string peer, string thisCell) => new(Topics.BridgedFrom(peer, thisCell), topics.Bridge, Retention);
}
