using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Messaging;

/// <summary>The cell's topics. Partition counts are for life: an embedded cell has few, one on Kafka has the full figures.</summary>
/// <param name="Direct">Partitions of <c>chat.messages.1on1</c>.</param>
/// <param name="Group">Partitions of <c>chat.messages.group</c>.</param>
/// <param name="Inbox">Partitions of <c>chat.inbox</c>.</param>
/// <param name="Bridge">Partitions of each <c>chat.bridge.{cell}</c>, the same in every cell.</param>
public sealed record Topics(int Direct, int Group, int Inbox, int Bridge)
{
    public const string DirectMessages = "chat.messages.1on1";
    public const string GroupMessages = "chat.messages.group";
    public const string InboxTopic = "chat.inbox";
    public const string Dead = "chat.dead";

    /// <summary>Made, and not written: presence crosses cells on streams between servers (docs/decisions/0011). Kept because partition counts are for life.</summary>
    public const string Presence = "chat.presence";

    /// <summary>For push, which isn't there yet: made, and not written.</summary>
    public const string Notifications = "chat.notifications";

    public static readonly Topics Embedded = new(4, 4, 8, 2);
    public static readonly Topics Full = new(64, 128, 128, 32) { Status = 32 };

    /// <summary>Partitions of <see cref="Presence"/> and of <see cref="Notifications"/>, each.</summary>
    public int Status { get; init; } = 2;

    private const int GroupBase = 4096;

    /// <summary>What another cell's bridge reads here.</summary>
    public static string BridgeTo(string targetCell) => $"chat.bridge.{targetCell}";

    /// <summary>The local copy of a peer's outbound topic: MirrorMaker 2's default name.</summary>
    public static string BridgedFrom(string sourceCell, string thisCell) => $"{sourceCell}.chat.bridge.{thisCell}";

    public static string ForChannel(ChannelType type) => type == ChannelType.Direct ? DirectMessages : GroupMessages;

    /// <summary>The partition's number in its cell, unique over topics: what message ids carry.</summary>
    public static ushort LogPartition(TopicPartition partition) => partition.Topic switch
    {
        DirectMessages => (ushort)partition.Partition,
        GroupMessages => (ushort)(GroupBase + partition.Partition),
        _ => throw new ArgumentException($"{partition.Topic} has no judged partitions.", nameof(partition)),
    };

    public static TopicPartition FromLogPartition(ushort number) =>
        number < GroupBase ? new TopicPartition(DirectMessages, number) : new TopicPartition(GroupMessages, number - GroupBase);
}
