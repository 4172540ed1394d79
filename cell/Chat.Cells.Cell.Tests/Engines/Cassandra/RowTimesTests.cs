using Chat.Cells.Cell.Engines.Cassandra;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Protocol;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

/// <summary>Buckets and timestamps: functions of the row alone, under which the higher row wins in whatever order Cassandra meets the two.</summary>
public sealed class RowTimesTests
{
    private const long MaxTime = (1L << 48) - 1;
    private static readonly long LastDateTime = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    private static Arbitrary<long> Times => TimesUpTo(MaxTime);

    private static Arbitrary<long> TimesUpTo(long last) =>
        (from high in Gen.Choose(0, int.MaxValue - 1) from low in Gen.Choose(0, int.MaxValue - 1) select (((long)high << 31) | (uint)low) % (last + 1)).ToArbitrary();

    private static Arbitrary<Ulid> Ids =>
        (from near in Gen.Choose(0, 3) from partition in Gen.Choose(0, 3) from offset in Gen.Choose(0, 3) select MessageId.Create(1_790_000_000_000 + near, 1, (ushort)partition, offset)).ToArbitrary();

    [Fact]
    public void MonthOf_AnyTimeThatDateTimeHas_IsItsMonth() => Prop.ForAll(TimesUpTo(LastDateTime), time =>
    {
        var date = DateTimeOffset.FromUnixTimeMilliseconds(time);
        Assert.Equal(((date.Year - 1970) * 12) + date.Month - 1, RowTimes.MonthOf(time));
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("1970-01-01T00:00:00.000Z", 0)]
    [InlineData("1970-01-31T23:59:59.999Z", 0)]
    [InlineData("1970-02-01T00:00:00.000Z", 1)]
    [InlineData("2000-02-29T23:59:59.999Z", 361)]
    [InlineData("2000-03-01T00:00:00.000Z", 362)]
    [InlineData("2026-12-31T23:59:59.999Z", 683)]
    [InlineData("2027-01-01T00:00:00.000Z", 684)]
    [InlineData("2100-02-28T23:59:59.999Z", 1561)]
    [InlineData("2100-03-01T00:00:00.000Z", 1562)]
    public void MonthOf_AtTheTurnOfMonths_IsRight(string time, int month) =>
        Assert.Equal(month, RowTimes.MonthOf(DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeMilliseconds()));

    [Fact]
    public void MonthOf_LaterTime_IsNeverEarlier() =>
        Prop.ForAll(Times, Times, (a, b) => Assert.True(RowTimes.MonthOf(Math.Min(a, b)) <= RowTimes.MonthOf(Math.Max(a, b)))).QuickCheckThrowOnFailure();

    [Fact]
    public void MonthOf_HighestId_IsInTheYear10889() => Assert.Equal(10_889, 1970 + (RowTimes.MonthOf(Ulid.MaxValue) / 12));

    [Fact]
    public void OfId_TwoIds_TheHigherWinsByTimestampOrByValue() => Prop.ForAll(Ids, Ids, (a, b) =>
    {
        var winner = Reconcile((RowTimes.OfId(a), a.ToByteArray()), (RowTimes.OfId(b), b.ToByteArray()));
        Assert.Equal((a > b ? a : b).ToByteArray(), winner);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void OfValue_TwoMarks_TheHigherWins() => Prop.ForAll(Times, Times, (a, b) =>
        Assert.Equal(BigEndian(Math.Max(a, b)), Reconcile((RowTimes.OfValue(a), BigEndian(a)), (RowTimes.OfValue(b), BigEndian(b))))).QuickCheckThrowOnFailure();

    [Fact]
    public void OfWeek_BucketOfAnyTime_BeginsItsWindowOfAWeek() => Prop.ForAll(Times, time =>
    {
        const long window = 7L * 24 * 3600 * 1_000_000;
        var timestamp = RowTimes.OfWeek(InboxCursor.BucketOf(time));
        Assert.Equal(0, timestamp % window);
        Assert.InRange(time * 1000, timestamp, timestamp + window - 1);
    }).QuickCheckThrowOnFailure();

    /// <summary>Cassandra's rule for two live cells: the higher timestamp; of equal ones the larger value.</summary>
    private static byte[] Reconcile((long Timestamp, byte[] Value) a, (long Timestamp, byte[] Value) b)
    {
        if (a.Timestamp != b.Timestamp) return a.Timestamp > b.Timestamp ? a.Value : b.Value;
        return a.Value.AsSpan().SequenceCompareTo(b.Value) >= 0 ? a.Value : b.Value;
    }

    private static byte[] BigEndian(long value)
    {
        var bytes = new byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }
}
