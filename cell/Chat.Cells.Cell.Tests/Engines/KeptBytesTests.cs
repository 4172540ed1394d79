using System.Collections.Concurrent;
using Chat.Cells.Cell.Engines;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>What shares an array must not get into what was handed out before.</summary>
public sealed class KeptBytesTests
{
    [Fact]
    public void Add_AnySizes_LeavesWhatWasGivenOutAsItWas() =>
        Prop.ForAll<byte[][], byte>(IsLeftAsItWas).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    private static bool IsLeftAsItWas(byte[][] parts, byte size)
    {
        var kept = new KeptBytes(64 + size);
        var given = new List<(byte[] Expected, ReadOnlyMemory<byte> Kept)>();
        foreach (var part in parts)
        {
            var source = (byte[])part.Clone();
            given.Add((part, kept.Add(source)));
            source.AsSpan().Fill(0xEE); // it is a copy
        }
        return given.TrueForAll(g => g.Kept.Span.SequenceEqual(g.Expected));
    }

    [Fact]
    public void Add_ManySmallOnes_ShareAnArray()
    {
        var kept = new KeptBytes();
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(kept.Add(new byte[100]), out var first));
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(kept.Add(new byte[100]), out var second));
        Assert.Same(first.Array, second.Array);
        Assert.Equal(first.Offset + first.Count, second.Offset);
    }

    /// <summary>Records that were read stay what they were, however much is appended, rolled over and dropped from memory after them.</summary>
    [Fact]
    public async Task ReadRecords_KeptWhileOthersAreAppended_StayAsTheyWere()
    {
        await using var log = await LogFixture.OpenAsync(new UnreliableDisk(), options: LogFixture.Options with { SegmentBytes = 256 * 1024, CacheBytes = 64 * 1024 });
        await log.CreateTopicAsync(partitions: 2);
        var read = new ConcurrentBag<(int Seed, Chat.Cells.Cell.Ports.LogRecord Record)>();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var readers = Enumerable.Range(0, 2).Select(partition => Task.Run(async () =>
        {
            for (long offset = 0; offset < 3_000;)
            {
                foreach (var record in await log.ReadAsync(LogFixture.First with { Partition = partition }, offset, 50, TimeSpan.FromSeconds(30), timeout.Token))
                {
                    read.Add((SeedOf(partition, offset++), record));
                }
            }
        })).ToArray();
        var appenders = Enumerable.Range(0, 2).Select(partition => Task.Run(async () =>
        {
            for (var i = 0; i < 3_000; i++)
            {
                var append = log.AppendAsync(LogFixture.First with { Partition = partition }, default, Content(SeedOf(partition, i)), timeout.Token);
                if (i % 20 == 0) await append;
            }
        })).ToArray();
        await Task.WhenAll([.. readers, .. appenders]);
        Assert.Equal(6_000, read.Count);
        Assert.All(read, r => Assert.Equal(Content(r.Seed), r.Record.Value.ToArray()));
    }

    private static int SeedOf(int partition, long offset) => (partition * 100_000) + (int)offset;

    private static byte[] Content(int seed)
    {
        var random = new Random(seed);
        // Some are too large to share an array.
        var bytes = new byte[seed % 500 == 0 ? 200_000 : random.Next(1, 700)];
        random.NextBytes(bytes);
        return bytes;
    }
}
