using Chat.Cells.Cell.Inbox;

namespace Chat.Cells.Cell.Ports;

/// <summary>
/// How far a user has read a channel: up to which message id, and, since ids don't tell what has arrived, up to which inbox cursor. Each of the three only grows, so marks
/// are merged in any order and any number of times.
/// </summary>
/// <param name="UpTo">The read pointer: the highest <c>lastReadMessageId</c> of any device; null: never read.</param>
/// <param name="CursorUpTo">The highest pointer that came with a cursor; null: none did.</param>
/// <param name="Cursor">The highest inbox cursor that any read came with.</param>
public readonly record struct ReadMark(Ulid? UpTo, Ulid? CursorUpTo, InboxCursor? Cursor)
{
    /// <summary>The mark of one read.</summary>
    /// <param name="cursor">Null for a read whose cursor isn't known.</param>
    public static ReadMark Of(Ulid upTo, InboxCursor? cursor) => new(upTo, cursor is null ? null : upTo, cursor);

    /// <summary>The cursor that goes with the pointer; null when the pointer was raised by a read without one. Then whatever lies at or below the pointer is read, however late it came.</summary>
    public InboxCursor? KnownCursor => CursorUpTo is { } known && !(known < UpTo) ? Cursor : null;

    /// <summary>Whether a message is read.</summary>
    /// <param name="at">Its place in the user's inbox.</param>
    public bool Covers(Ulid id, InboxCursor at) => id <= UpTo && (KnownCursor is not { } cursor || at <= cursor);

    /// <summary>Both together.</summary>
    public ReadMark Merge(ReadMark other) => new(Max(UpTo, other.UpTo), Max(CursorUpTo, other.CursorUpTo), Max(Cursor, other.Cursor));

    private static Ulid? Max(Ulid? a, Ulid? b) => a is null || b > a ? b ?? a : a;

    private static InboxCursor? Max(InboxCursor? a, InboxCursor? b) => a is null || b > a ? b ?? a : a;
}
