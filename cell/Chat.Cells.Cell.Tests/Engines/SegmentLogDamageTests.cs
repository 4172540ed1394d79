using Chat.Cells.Cell.Ports;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>Torn tails are cut and said so; damage anywhere else is refused.</summary>
public sealed class SegmentLogDamageTests
{
    private const string FirstSegment = "000000000001.log";

    [Fact]
    public async Task TornTail_AtEveryByteOfTheLastRecord_IsCutAndSaidSo()
    {
        var disk = new UnreliableDisk();
        var (before, after) = await WriteAsync(disk, "one", "two", "three");
        var whole = disk[FirstSegment];
        for (var length = before; length < after; length++)
        {
            disk[FirstSegment] = whole[..length];
            var lines = new LogLines();
            await using (var log = await LogFixture.OpenAsync(disk, logger: lines))
            {
                Assert.Equal(["one", "two"], await log.ReadAllAsync());
                Assert.Equal(2, (await log.AppendAsync("again")).Offset);
            }
            var said = lines.Lines.Where(line => line.Level == LogLevel.Warning).Select(line => line.Text).ToList();
            if (length == before) Assert.Empty(said);
            else Assert.Contains($"Cut {length - before} bytes", Assert.Single(said), StringComparison.Ordinal);
            await using (var log = await LogFixture.OpenAsync(disk)) Assert.Equal(["one", "two", "again"], await log.ReadAllAsync());
        }
    }

    [Fact]
    public async Task FlippedBit_InADurableRecord_IsRefusedAndNothingIsChanged()
    {
        var disk = new UnreliableDisk();
        await WriteAsync(disk, "one", "two", "three");
        var whole = disk[FirstSegment];
        var start = whole.AsSpan().IndexOf("two"u8) - 43;
        for (var at = start; at < start + 46; at++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 0x10;
            disk[FirstSegment] = damaged;

            var error = await Assert.ThrowsAsync<LogException>(() => LogFixture.OpenAsync(disk));

            Assert.Contains($"{FirstSegment} at byte {start}", error.Message, StringComparison.Ordinal);
            Assert.Equal(damaged, disk[FirstSegment]);
        }
    }

    [Fact]
    public async Task FlippedBit_InTheLastRecord_IsATornTail()
    {
        var disk = new UnreliableDisk();
        var (before, _) = await WriteAsync(disk, "one", "two");
        disk[FirstSegment][before + 20] ^= 1;

        await using var log = await LogFixture.OpenAsync(disk);

        Assert.Equal(["one"], await log.ReadAllAsync());
    }

    [Fact]
    public async Task FlippedBit_InAnOlderSegment_IsRefused()
    {
        var disk = new UnreliableDisk();
        await WriteAsync(disk, [.. Enumerable.Range(0, 10).Select(i => $"{i}" + new string('x', 1000))]);
        Assert.True(disk.List().Count >= 2);
        // The very last byte of the older segment: it would be a torn tail in the newest one.
        disk[FirstSegment][^1] ^= 1;

        var error = await Assert.ThrowsAsync<LogException>(() => LogFixture.OpenAsync(disk));
        Assert.Contains(FirstSegment, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FlippedBit_InTheHeaderOfASegmentWithRecords_IsRefused()
    {
        var disk = new UnreliableDisk();
        await WriteAsync(disk, "one");
        disk[FirstSegment][3] ^= 1;

        await Assert.ThrowsAsync<LogException>(() => LogFixture.OpenAsync(disk));
    }

    [Fact]
    public async Task MissingSegment_IsRefused()
    {
        var disk = new UnreliableDisk();
        await WriteAsync(disk, [.. Enumerable.Range(0, 20).Select(i => $"{i}" + new string('x', 1000))]);
        Assert.True(disk.List().Count >= 3);
        disk.Delete("000000000002.log");

        var error = await Assert.ThrowsAsync<LogException>(() => LogFixture.OpenAsync(disk));
        Assert.Contains("000000000002.log", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TornNewSegment_IsRemovedAndTheOldOneGoesOn()
    {
        var disk = new UnreliableDisk();
        await WriteAsync(disk, "one", "two");
        disk.Create("000000000002.log").Write(0, [1, 2, 3]);

        await using (var log = await LogFixture.OpenAsync(disk)) await log.AppendAsync("three");

        Assert.Equal([FirstSegment], disk.List());
        await using (var log = await LogFixture.OpenAsync(disk)) Assert.Equal(["one", "two", "three"], await log.ReadAllAsync());
    }

    /// <summary>Writes records one by one; where the last one begins and ends.</summary>
    private static async Task<(int Before, int After)> WriteAsync(UnreliableDisk disk, params string[] values)
    {
        await using var log = await LogFixture.OpenAsync(disk);
        await log.CreateTopicAsync();
        foreach (var value in values[..^1]) await log.AppendAsync(value);
        var before = disk[FirstSegment].Length;
        await log.AppendAsync(values[^1]);
        return (before, disk[FirstSegment].Length);
    }
}
