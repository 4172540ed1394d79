using Chat.Cells.Cell.Inbox;

namespace Chat.Cells.Cell.Ports;

/// <summary>
/// Messages, inboxes, receipts and channels. Every write is idempotent: writing the same rows again changes nothing. A write completes when it is durable.
/// Writes of one batch are applied in the order of the batch's properties; an engine without transactions may be interrupted between any two rows.
/// </summary>
/// <remarks>Failures are <see cref="StoreException"/>; after one it isn't known what was written, and the caller writes the whole batch again.</remarks>
public interface IMessageStore : IAsyncDisposable
{
    // --- written by fan-out, the judge ---

    /// <summary>Writes what the judge decided: messages, then changes of messages, then channel changes, then receipts, then requests, then the partition's time.</summary>
    ValueTask WriteJudgedAsync(JudgedBatch batch, CancellationToken cancellationToken);

    /// <summary>What was judged of a request before; null when never, or when it was appended longer ago than <see cref="RequestRow.KeptFor"/>.</summary>
    ValueTask<RequestRow?> FindRequestAsync(string channelId, string senderId, string requestId, CancellationToken cancellationToken);

    /// <summary>The highest id time (Unix ms) that was written for a log partition; null when none.</summary>
    ValueTask<long?> FindPartitionTimeAsync(ushort logPartition, CancellationToken cancellationToken);

    /// <summary>A channel with all its member intervals; null when unknown.</summary>
    ValueTask<ChannelRow?> FindChannelAsync(string channelId, CancellationToken cancellationToken);

    // --- written by delivery ---

    /// <summary>Writes inbox rows, then the high-water marks (a mark never goes down).</summary>
    ValueTask WriteDeliveredAsync(DeliveredBatch batch, CancellationToken cancellationToken);

    /// <summary>The high-water marks of an inbox partition: source to highest delivered source offset.</summary>
    ValueTask<IReadOnlyDictionary<long, long>> LoadHighWaterAsync(int inboxPartition, CancellationToken cancellationToken);

    // --- reads ---

    /// <summary>The user's highest inbox cursor; null when the inbox is empty.</summary>
    ValueTask<InboxCursor?> FindLatestCursorAsync(string userId, CancellationToken cancellationToken);

    /// <summary>Up to <paramref name="limit"/> rows above a cursor, oldest first.</summary>
    ValueTask<IReadOnlyList<InboxRow>> ReadInboxAsync(string userId, InboxCursor after, int limit, CancellationToken cancellationToken);

    /// <summary>A message as it was sent; what was changed since is <see cref="FindChangeAsync"/>'s.</summary>
    ValueTask<MessageRow?> FindMessageAsync(string channelId, Ulid messageId, CancellationToken cancellationToken);

    /// <summary>The change that a message keeps, also while the message itself is not there yet; null when there was none.</summary>
    ValueTask<MessageChange?> FindChangeAsync(string channelId, Ulid messageId, CancellationToken cancellationToken);

    /// <summary>
    /// Up to <paramref name="limit"/> messages below <paramref name="before"/> (null: from the newest), newest first, each with its <see cref="MessageRow.Change"/>. Crosses buckets.
    /// A change whose message is not there takes no place.
    /// </summary>
    ValueTask<IReadOnlyList<MessageRow>> ReadHistoryAsync(string channelId, Ulid? before, int limit, CancellationToken cancellationToken);

    /// <summary>The channels that a user is a member of now, by id, above <paramref name="afterChannelId"/>.</summary>
    ValueTask<IReadOnlyList<string>> ListChannelsAsync(string userId, string? afterChannelId, int limit, CancellationToken cancellationToken);

    /// <summary>Every member's delivered and read pointers in a channel.</summary>
    ValueTask<IReadOnlyList<ReceiptRow>> ReadReceiptsAsync(string channelId, CancellationToken cancellationToken);

    /// <summary>How far a user has read a channel; a mark of nulls when never.</summary>
    ValueTask<ReadMark> FindReadAsync(string channelId, string userId, CancellationToken cancellationToken);
}

/// <summary>The effects of judged records, in log order.</summary>
/// <param name="LogPartition">The judge's partition number; null for a batch that comes from a bridge.</param>
/// <param name="PartitionTime">The highest id time of the batch (Unix ms); raises the partition's.</param>
public sealed record JudgedBatch(
    ushort? LogPartition,
    long PartitionTime,
    IReadOnlyList<MessageRow> Messages,
    IReadOnlyList<MessageChange> Changes,
    IReadOnlyList<ChannelRow> Channels,
    IReadOnlyList<ReceiptRow> Receipts,
    IReadOnlyList<RequestRow> Requests);

/// <summary>Delivered records of one inbox partition.</summary>
public sealed record DeliveredBatch(int InboxPartition, IReadOnlyList<InboxRow> Rows, IReadOnlyList<HighWaterMark> HighWater);

/// <param name="Source">See <see cref="Records.InboxSource"/>.</param>
public readonly record struct HighWaterMark(long Source, long Offset);

/// <summary>One message as it was sent; immutable. Bucketed by the id's month in Cassandra.</summary>
/// <param name="Content">UTF-8.</param>
/// <param name="ChannelVersion">The membership version it was judged by.</param>
public sealed record MessageRow(
    string ChannelId,
    Ulid MessageId,
    string SenderId,
    string ContentType,
    ReadOnlyMemory<byte> Content,
    Ulid? ReplyTo,
    int ChannelVersion)
{
    /// <summary>The change that it keeps; only where history was read, and one that <see cref="MessageChange.Fits"/>.</summary>
    public MessageChange? Change { get; init; }
}

/// <summary>
/// What was judged of a request. The judge heeds one for 24 h from its append time to that of the record that repeats it; the store keeps it for <see cref="KeptFor"/>, so that
/// a record which is judged late, or again, finds what was there when it was appended.
/// </summary>
/// <param name="Position">The record's offset in its log partition.</param>
/// <param name="MessageId">The id it got; null when refused.</param>
/// <param name="ContentHash">64 bits of the content's hash.</param>
/// <param name="ErrorCode">Null when accepted.</param>
/// <param name="AppendTime">Unix ms.</param>
public sealed record RequestRow(
    string ChannelId,
    string SenderId,
    string RequestId,
    long Position,
    Ulid? MessageId,
    ulong ContentHash,
    string? ErrorCode,
    long AppendTime)
{
    /// <summary>From its append time: as long as the log has records (7 days), and the 24 h before the oldest of them.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromDays(8);
}

/// <summary>A channel as judged so far. Writing one with a lower <see cref="Position"/> than the stored one changes nothing.</summary>
/// <param name="Home">The cell that decides its members.</param>
/// <param name="Version">Counts the home's changes from 1.</param>
/// <param name="Position">The local log offset of the last change.</param>
/// <param name="Members">All intervals, also closed ones.</param>
public sealed record ChannelRow(
    string ChannelId,
    ChannelType Type,
    string? Name,
    string Home,
    int Version,
    long Position,
    long CreatedAt,
    IReadOnlyList<MemberInterval> Members);

public enum ChannelType : byte
{
    Direct = 1,
    Group = 2,
}

public enum MemberRole : byte
{
    Member = 1,
    Admin = 2,
    Owner = 3,
}

/// <summary>A user held a role from a log offset on (inclusive) until another (exclusive; null: still).</summary>
/// <param name="Version">The channel version that opened it.</param>
public sealed record MemberInterval(string UserId, MemberRole Role, long From, long? Until, int Version);

/// <summary>A member's pointers; each only grows (a null leaves the stored one).</summary>
/// <param name="ReadCursor">
/// The cursor of the reader's own inbox that <paramref name="ReadUpTo"/> came with; null where it isn't known, or the reader lives in another cell. It is the reader's
/// business alone: only <see cref="IMessageStore.FindReadAsync"/> gives it back.
/// </param>
public sealed record ReceiptRow(string ChannelId, string UserId, Ulid? DeliveredUpTo, Ulid? ReadUpTo, InboxCursor? ReadCursor = null);

/// <summary>One record of a user's inbox.</summary>
/// <param name="Payload">The record's own encoding (<see cref="Records.InboxRecord"/>, without recipients).</param>
public sealed record InboxRow(string UserId, InboxCursor Cursor, ReadOnlyMemory<byte> Payload);

/// <summary>The store failed; the message says what to do.</summary>
public class StoreException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The disk is full: nothing was written.</summary>
public sealed class StoreFullException(string message, Exception? inner = null) : StoreException(message, inner);
