using System.Text;
using Chat.Cells.Cell.Engines.Files;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>Readers at the very end of a partition that is being written.</summary>
public sealed class SegmentLogTailTests
{
    private const int Records = 20_000;

    [Fact]
    public async Task Read_AtTheEndWhileOthersAppend_GetsEveryRecordOnceAndNeverFails()
    {
        await using var log = await LogFixture.OpenAsync(new UnreliableDisk(), options: new SegmentLogOptions());
        await log.CreateTopicAsync(partitions: 2);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var readers = Enumerable.Range(0, 4).Select(r => Task.Run(() => TailAsync(log, r % 2, timeout.Token))).ToArray();
        var appenders = Enumerable.Range(0, 8).Select(a => Task.Run(async () =>
        {
            for (var i = 0; i < Records / 4; i++) await log.AppendAsync($"{a} {i}", a % 2);
        })).ToArray();
        await Task.WhenAll(appenders);
        var counts = await Task.WhenAll(readers);
        Assert.All(counts, c => Assert.Equal(Records, c));
    }

    /// <summary>Reads a few records at a time, so that it is often woken by what it has already seen.</summary>
    private static async Task<int> TailAsync(SegmentLog log, int partition, CancellationToken cancellationToken)
    {
        var name = LogFixture.First with { Partition = partition };
        var seen = new HashSet<string>();
        long offset = 0;
        while (seen.Count < Records)
        {
            foreach (var record in await log.ReadAsync(name, offset, 3, TimeSpan.FromSeconds(5), cancellationToken))
            {
                Assert.Equal(offset++, record.Offset);
                Assert.True(seen.Add(Encoding.UTF8.GetString(record.Value.Span)));
            }
        }
        return seen.Count;
    }
}
