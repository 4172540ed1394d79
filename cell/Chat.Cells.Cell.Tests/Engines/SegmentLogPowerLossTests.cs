using Chat.Cells.Cell.Engines.Files;
using Chat.Cells.Cell.Ports;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>Power losses at any moment: every acknowledged append is there afterwards, at its offset, in order.</summary>
public sealed class SegmentLogPowerLossTests
{
    private const int Partitions = 3;

    /// <param name="Operations">Disk operations until the power goes.</param>
    /// <param name="Appends">(partition, bytes, whether to wait for it before the next).</param>
    private sealed record Round(int Operations, (int Partition, int Bytes, bool Wait)[] Appends);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PowerLoss_AtAnyOperation_LosesNothingAcknowledged(bool tearing)
    {
        var append = from partition in Gen.Choose(0, Partitions - 1) from bytes in Gen.Choose(0, 700) from wait in Gen.Choose(0, 2) select (partition, bytes, wait == 0);
        var round = from operations in Gen.Choose(0, 60) from appends in append.ArrayOf(25) select new Round(operations, appends);
        var cases = from rounds in round.ArrayOf(4) from seed in Gen.Choose(0, int.MaxValue - 1) select (rounds, seed);
        Prop.ForAll(cases.ToArbitrary(), async run => await RunAsync(run.rounds, tearing ? new Random(run.seed) : null)).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    private static async Task RunAsync(Round[] rounds, Random? tearing)
    {
        var disk = new UnreliableDisk();
        var issued = new List<string>[Partitions];
        var acknowledged = new SortedDictionary<long, string>[Partitions];
        for (var i = 0; i < Partitions; i++) (issued[i], acknowledged[i]) = ([], []);
        var number = 0;
        foreach (var round in rounds)
        {
            disk.OperationsLeft = round.Operations;
            await AppendUntilPowerLossAsync(disk, round, issued, acknowledged, () => number++);
            disk = disk.AfterPowerLoss(tearing);
            await CheckAsync(disk, issued, acknowledged);
        }
    }

    private static async Task AppendUntilPowerLossAsync(UnreliableDisk disk, Round round, List<string>[] issued, SortedDictionary<long, string>[] acknowledged, Func<int> number)
    {
        try
        {
            await using var log = await LogFixture.OpenAsync(disk);
            await log.CreateTopicAsync(Partitions);
            var pending = new List<Task>();
            foreach (var (partition, bytes, wait) in round.Appends)
            {
                var value = $"{number()}:" + new string('x', bytes);
                issued[partition].Add(value);
                var appending = AppendAsync(log, partition, value, acknowledged[partition]);
                pending.Add(appending);
                if (wait) await appending;
            }
            await Task.WhenAll(pending);
        }
        catch (LogException)
        {
            Assert.True(disk.OperationsLeft <= 0);
        }
    }

    private static async Task AppendAsync(SegmentLog log, int partition, string value, SortedDictionary<long, string> acknowledged)
    {
        try
        {
            var position = await log.AppendAsync(value, partition);
            lock (acknowledged) acknowledged.Add(position.Offset, value);
        }
        catch (LogUnavailableException)
        {
            // The power went: nobody knows whether it is there.
        }
    }

    private static async Task CheckAsync(UnreliableDisk disk, List<string>[] issued, SortedDictionary<long, string>[] acknowledged)
    {
        await using var log = await LogFixture.OpenAsync(disk);
        await log.CreateTopicAsync(Partitions);
        for (var partition = 0; partition < Partitions; partition++)
        {
            var found = await log.ReadAllAsync(partition);
            foreach (var (offset, value) in acknowledged[partition])
            {
                Assert.True(offset < found.Count, $"Offset {offset} was acknowledged and is lost; {found.Count} records are left.");
                Assert.Equal(value, found[(int)offset]);
            }
            // Whatever else is there was sent, once, in this order.
            var at = -1;
            foreach (var value in found)
            {
                at = issued[partition].IndexOf(value, at + 1);
                Assert.True(at >= 0, "A record is there that was never sent, or twice, or out of order.");
            }
            for (var offset = 0; offset < found.Count; offset++) acknowledged[partition][offset] = found[offset];
        }
    }
}
