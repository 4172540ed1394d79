using Chat.Cells.Cell.Inbox;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>
/// The buckets that cut a channel's and a user's rows into partitions, and the write timestamps. Both are functions of the row alone, never of a clock: a row written again,
/// by whichever server and whenever, is the same cells, and where rows compete the higher one wins whatever the order in which they arrive.
/// </summary>
internal static class RowTimes
{
    private const long MillisecondsPerDay = 24L * 3600 * 1000;
    private const long MicrosecondsPerWeek = 7 * MillisecondsPerDay * 1000;

    /// <summary>The month of an id, counted from January 1970; up to the year 10889, which 48 bits of ms reach.</summary>
    public static int MonthOf(Ulid id) => MonthOf(MessageId.TimeOf(id));

    /// <summary>The month of a time in Unix ms (not negative), counted from January 1970.</summary>
    /// <remarks>Days to civil date as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms"; DateTime ends with the year 9999.</remarks>
    public static int MonthOf(long unixMilliseconds)
    {
        // Days since 0000-03-01: leap days are then the last days of years.
        var days = (unixMilliseconds / MillisecondsPerDay) + 719_468;
        var era = days / 146_097;
        var dayOfEra = days - (era * 146_097);
        var yearOfEra = (dayOfEra - (dayOfEra / 1460) + (dayOfEra / 36_524) - (dayOfEra / 146_096)) / 365;
        var dayOfYear = dayOfEra - ((365 * yearOfEra) + (yearOfEra / 4) - (yearOfEra / 100));
        var monthFromMarch = ((5 * dayOfYear) + 2) / 153;
        var months = (((era * 400) + yearOfEra) * 12) + monthFromMarch + 2;
        return (int)(months - (1970 * 12));
    }

    /// <summary>Of what belongs to an id: a message, or a pointer at one. µs since 1970. Of two ids of one ms the larger wins, as Cassandra lets the larger value win.</summary>
    public static long OfId(Ulid id) => MessageId.TimeOf(id) * 1000;

    /// <summary>Of a channel's row in <c>channel_buckets</c>, in µs since 1970: the same for all messages of the month.</summary>
    public static long OfMonth(int month) => month;

    /// <summary>Of a request's row, in µs since 1970.</summary>
    public static long OfAppend(long appendTime) => appendTime * 1000;

    /// <summary>Of rows in an inbox bucket: the beginning of its week in µs since 1970, so that windows of a week hold whole buckets.</summary>
    public static long OfWeek(int bucket) => bucket * MicrosecondsPerWeek;

    /// <summary>Of a cursor up to which somebody has read. Of two cursors of one epoch the larger wins, as Cassandra lets the larger value win.</summary>
    public static long OfCursor(InboxCursor cursor) => cursor.Epoch;

    /// <summary>Of what only grows: a mark, a partition's time, a channel at a log position. The value itself is the timestamp.</summary>
    public static long OfValue(long value) => value;
}
