using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Protocol.Tests;

public sealed class MessageIdTests
{
    private const long Most = (1L << 48) - 1;

    private static readonly Gen<long> Bits48 = Gen.OneOf(
        Gen.Choose(0, 10).Select(i => (long)i),
        Gen.Choose(0, 10).Select(i => Most - i),
        from high in Gen.Choose(0, (1 << 24) - 1) from low in Gen.Choose(0, (1 << 24) - 1) select ((long)high << 24) | (uint)low);

    private static readonly Gen<ushort> Bits16 = Gen.OneOf(Gen.Choose(0, ushort.MaxValue), Gen.Elements(0, 1, 0x7FFF, 0x8000, ushort.MaxValue)).Select(i => (ushort)i);

    private sealed record Place(long Time, ushort Cell, ushort Partition, long Offset)
    {
        public Ulid Id => MessageId.Create(Time, Cell, Partition, Offset);
    }

    private static readonly Arbitrary<Place> Places =
        (from time in Bits48 from cell in Bits16 from partition in Bits16 from offset in Bits48 select new Place(time, cell, partition, offset)).ToArbitrary();

    [Fact]
    public void Id_OfAnyPosition_TellsThePositionAgain() =>
        Prop.ForAll(Places, place => MessageId.TimeOf(place.Id) == place.Time && MessageId.PositionOf(place.Id) == (place.Cell, place.Partition, place.Offset))
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Id_AtEqualTime_GrowsStrictlyWithTheOffset() =>
        Prop.ForAll(Places, place => place.Offset == Most || place.Id < (place with { Offset = place.Offset + 1 }).Id).QuickCheckThrowOnFailure();

    [Fact]
    public void Order_OfAnyTwo_IsThatOfTimeCellPartitionOffset() =>
        Prop.ForAll(Places, Places, (a, b) =>
            Math.Sign(a.Id.CompareTo(b.Id)) == Math.Sign((a.Time, a.Cell, a.Partition, a.Offset).CompareTo((b.Time, b.Cell, b.Partition, b.Offset)))).QuickCheckThrowOnFailure();

    [Fact]
    public void Order_OfNeighbours_IsThatOfTimeCellPartitionOffset() =>
        Prop.ForAll(Places, a =>
        {
            Place[] above =
            [
                a with { Offset = Math.Min(a.Offset + 1, Most) },
                a with { Partition = (ushort)Math.Min(a.Partition + 1, ushort.MaxValue), Offset = 0 },
                a with { Cell = (ushort)Math.Min(a.Cell + 1, ushort.MaxValue), Partition = 0, Offset = 0 },
                a with { Time = Math.Min(a.Time + 1, Most), Cell = 0, Partition = 0, Offset = 0 },
            ];
            return above.All(b => Math.Sign(a.Id.CompareTo(b.Id)) == Math.Sign((a.Time, a.Cell, a.Partition, a.Offset).CompareTo((b.Time, b.Cell, b.Partition, b.Offset))));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Text_OfAKnownPosition_IsAlwaysTheSame() =>
        Assert.Equal("01ARZ3NDEK000G00G000000042", MessageId.Create(1469922850259, 1, 2, 130).ToString());

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(Most + 1, 0)]
    [InlineData(0, -1)]
    [InlineData(0, Most + 1)]
    public void Create_WhatNeedsMoreBits_IsRefused(long time, long offset) => Assert.Throws<ArgumentOutOfRangeException>(() => MessageId.Create(time, 0, 0, offset));
}
