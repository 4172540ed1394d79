using Chat.Cells.Cell.Inbox;

namespace Chat.Cells.Cell.Ports;

/// <summary>
/// The part of the cell's state that knows what each user has not read: per channel the set of others' messages that the user's reads don't cover (<see cref="ReadMark"/>). A set and never
/// a counter, so that whatever comes twice changes nothing. Like all state it may vanish; so a user's sets carry the inbox cursor that they reach to, and sets that
/// lack anything below it are dropped: they are not known until they are rebuilt from the store.
/// </summary>
/// <remarks>Failures are <see cref="CellStateException"/>: callers go on without.</remarks>
public interface IUnreadState
{
    /// <summary>
    /// Applies what was just written to inboxes, all users in one pipelined call. An update at or below what is known changes nothing. One that does not begin where the
    /// known sets end (an earlier one was lost) drops the user's sets. Where a user's sets are not known nothing happens.
    /// </summary>
    ValueTask ApplyUnreadAsync(IReadOnlyList<UnreadUpdate> updates, CancellationToken cancellationToken);

    /// <summary>For each user, in order, what is unread, or null where it is not known (or is being rebuilt).</summary>
    ValueTask<IReadOnlyList<UnreadCounts?>> GetUnreadAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken);

    /// <summary>
    /// Begins to rebuild a user's sets: from now on updates are collected. Whoever began last wins. Read the store after this, and at <paramref name="at"/> or later.
    /// </summary>
    /// <param name="at">The user's latest inbox cursor in the store, read before this call.</param>
    /// <param name="token">Names this rebuild.</param>
    ValueTask BeginUnreadAsync(string userId, InboxCursor at, string token, CancellationToken cancellationToken);

    /// <summary>Adds what the store says to what was collected since the beginning. False when another began meanwhile or an update was missed: then nothing is known.</summary>
    ValueTask<bool> CompleteUnreadAsync(string userId, string token, IReadOnlyList<UnreadIds> channels, CancellationToken cancellationToken);
}

/// <summary>Constants of unread sets.</summary>
public static class UnreadLimits
{
    /// <summary>The most ids that a set keeps, the highest ones. A count that is this high means "this many or more" and is shown as 99+.</summary>
    public const int Cap = 100;
}

/// <summary>What was written to a user's inbox above <paramref name="Previous"/> and up to <paramref name="Cursor"/>.</summary>
/// <param name="Changes">At most one per channel.</param>
public sealed record UnreadUpdate(string UserId, InboxCursor Previous, InboxCursor Cursor, IReadOnlyList<UnreadChange> Changes);

/// <summary>What happened in one channel.</summary>
/// <param name="Left">The user stopped being a member: what was unread before is gone. Comes before the others.</param>
/// <param name="Added">Messages of others.</param>
/// <param name="Read">How far the user has read.</param>
/// <param name="Trimmed">When more were added than are named here, only the highest: the highest cursor of those that are not.</param>
public sealed record UnreadChange(string ChannelId, bool Left, IReadOnlyList<UnreadMessage> Added, ReadMark Read = default, InboxCursor? Trimmed = null);

/// <summary>A message of somebody else in a user's inbox.</summary>
/// <param name="Cursor">Its place there. <see cref="InboxCursor.Start"/> where it isn't known but no read could tell the difference: then only the id counts.</param>
public readonly record struct UnreadMessage(Ulid Id, InboxCursor Cursor);

/// <summary>What a user has not read, as of an inbox cursor.</summary>
/// <param name="Channels">Only those with unread messages, in no order.</param>
public sealed record UnreadCounts(InboxCursor Cursor, IReadOnlyList<ChannelUnread> Channels);

/// <param name="Count">1 to <see cref="UnreadLimits.Cap"/>, which means that many or more.</param>
/// <param name="ReadUpTo">The user's read pointer that this was counted from; null: never read.</param>
public readonly record struct ChannelUnread(string ChannelId, int Count, Ulid? ReadUpTo);

/// <summary>A channel's unread messages as the store says.</summary>
/// <param name="Trimmed">When there may be more than are named here, only the highest: a cursor that none of them lies above.</param>
public sealed record UnreadIds(string ChannelId, IReadOnlyList<UnreadMessage> Messages, ReadMark Read = default, InboxCursor? Trimmed = null);
