using Chat.Cells.Cell.Engines.Cassandra;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

public sealed class PartitionBatchesTests
{
    [Fact]
    public void CountFrom_AnyRows_CutsThemAllWithinTheBounds() => Prop.ForAll(Gen.Choose(0, 60).NonEmptyListOf().ToArbitrary(), sizes =>
    {
        var rows = sizes.ToList();
        var start = 0;
        while (start < rows.Count)
        {
            var count = PartitionBatches.CountFrom(rows, start, 5, 100, static size => size);
            Assert.InRange(count, 1, Math.Min(5, rows.Count - start));
            var bytes = rows.GetRange(start, count).Sum();
            Assert.True(count == 1 || bytes <= 100);
            // Never less than fits.
            Assert.True(count == 5 || start + count == rows.Count || bytes + rows[start + count] > 100);
            start += count;
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void CountFrom_ARowBeyondTheBound_GoesAlone() => Assert.Equal(1, PartitionBatches.CountFrom([1000, 1], 0, 5, 100, static size => size));
}
