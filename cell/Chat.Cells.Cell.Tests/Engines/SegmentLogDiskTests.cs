using System.Diagnostics;
using Chat.Cells.Cell.Engines.Files;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>Full and failing disks, the folder's lock, retention, and time that runs backwards.</summary>
public sealed class SegmentLogDiskTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(400)]
    public async Task FullDisk_RefusesAppendsLosesNothingAndRecoversByItself(int room)
    {
        var disk = new UnreliableDisk();
        var kept = new List<string>();
        var lines = new LogLines();
        await using (var log = await LogFixture.OpenAsync(disk, logger: lines))
        {
            await log.CreateTopicAsync();
            for (var i = 0; i < 5; i++) await AppendAsync(log, $"before {i}");
            disk.Capacity = disk.List().Sum(name => disk[name].Length) + room;
            for (var i = 0; i < 3; i++) await Assert.ThrowsAsync<LogFullException>(() => log.AppendAsync(new string('x', 500)));
            Assert.Equal(kept, await log.ReadAllAsync());
            disk.Capacity = long.MaxValue;
            await AppendAsync(log, "after");
            Assert.Equal(kept, await log.ReadAllAsync());
            Assert.Single(lines.Lines, line => line.Level == LogLevel.Error);
            Assert.Single(lines.Lines, line => line.Text.EndsWith("appends go on after 3 were refused.", StringComparison.Ordinal));

            async Task AppendAsync(SegmentLog to, string value)
            {
                Assert.Equal(kept.Count, (await to.AppendAsync(value)).Offset);
                kept.Add(value);
            }
        }
        await using (var log = await LogFixture.OpenAsync(disk.AfterPowerLoss(null))) Assert.Equal(kept, await log.ReadAllAsync());
    }

    [Fact]
    public async Task FullDisk_AppendInOrder_AppendsNoneWithoutThoseBeforeIt()
    {
        var disk = new UnreliableDisk();
        await using var log = await LogFixture.OpenAsync(disk);
        await log.CreateTopicAsync();
        var first = await log.AppendAsync("before");
        disk.Capacity = disk.List().Sum(name => disk[name].Length) + 300;
        LogEntry[] entries = [.. new[] { 1000, 10, 10 }.Select(size => new LogEntry("key"u8.ToArray(), new byte[size]))];

        await Assert.ThrowsAsync<LogFullException>(async () => await log.AppendInOrderAsync(LogFixture.First, entries, default));

        Assert.Equal(["before"], await log.ReadAllAsync());
        disk.Capacity = long.MaxValue;
        await log.AppendInOrderAsync(LogFixture.First, entries, default);
        Assert.Equal(first.Offset + 4, (await log.AppendAsync("after")).Offset);
    }

    [Fact]
    public async Task FullDisk_WhenANewSegmentIsDue_GoesOnWhenThereIsRoom()
    {
        var disk = new UnreliableDisk();
        await using (var log = await LogFixture.OpenAsync(disk))
        {
            await log.CreateTopicAsync();
            for (var i = 0; i < 5; i++) await log.AppendAsync(new string('x', 1000));
            disk.Capacity = disk.List().Sum(name => disk[name].Length);
            for (var i = 0; i < 3; i++) await Assert.ThrowsAsync<LogFullException>(() => log.AppendAsync("refused"));
            disk.Capacity = long.MaxValue;
            for (var i = 5; i < 15; i++) Assert.Equal(i, (await log.AppendAsync(new string('x', 1000))).Offset);
        }
        await using (var log = await LogFixture.OpenAsync(disk)) Assert.Equal(15, (await log.ReadAllAsync()).Count);
    }

    [Fact]
    public async Task FailedFlush_IsNeverAcknowledgedAndRefusesAppendsUntilReopened()
    {
        var disk = new UnreliableDisk();
        var lines = new LogLines();
        await using (var log = await LogFixture.OpenAsync(disk, logger: lines))
        {
            await log.CreateTopicAsync();
            await log.AppendAsync("kept");
            disk.FailFlush = true;
            await Assert.ThrowsAsync<LogUnavailableException>(() => log.AppendAsync("unknown"));
            // The disk says that all is well again; what it lost meanwhile nobody knows.
            disk.FailFlush = false;
            await Assert.ThrowsAsync<LogUnavailableException>(() => log.AppendAsync("refused"));
            Assert.Equal(["kept"], await log.ReadAllAsync());
        }
        Assert.Contains(lines.Lines, line => line.Level == LogLevel.Critical);
        await using (var log = await LogFixture.OpenAsync(disk.AfterPowerLoss(null)))
        {
            Assert.Equal(["kept"], await log.ReadAllAsync());
            Assert.Equal(1, (await log.AppendAsync("next")).Offset);
        }
    }

    [Fact]
    public async Task ManyAppendsAtOnce_ShareFlushes()
    {
        var disk = new UnreliableDisk();
        await using var log = await LogFixture.OpenAsync(disk, options: new SegmentLogOptions());
        await log.CreateTopicAsync(4);
        var before = disk.Flushes;

        await Task.WhenAll(Enumerable.Range(0, 20_000).Select(i => log.AppendAsync("value", i % 4)));

        Assert.InRange(disk.Flushes - before, 1, 10_000);
    }

    [Fact]
    public async Task TooManyWaiting_AreRefusedAsFull()
    {
        var disk = new UnreliableDisk();
        await using var log = await LogFixture.OpenAsync(disk, options: new SegmentLogOptions { MaxWaitingBytes = 0 });

        await Assert.ThrowsAsync<LogFullException>(() => log.CreateTopicAsync());
    }

    [Fact]
    public async Task Append_OverTheLimit_IsRefused()
    {
        await using var log = await LogFixture.OpenAsync(new UnreliableDisk(), options: new SegmentLogOptions { MaxRecordBytes = 100 });
        await log.CreateTopicAsync();

        await Assert.ThrowsAsync<LogException>(() => log.AppendAsync(new string('x', 98)));
        Assert.Equal(0, (await log.AppendAsync(new string('x', 97))).Offset);
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a b")]
    public async Task EnsureTopics_NameThatCantBe_IsRefused(string name)
    {
        await using var log = await LogFixture.OpenAsync(new UnreliableDisk());

        await Assert.ThrowsAsync<LogException>(async () => await log.EnsureTopicsAsync([new TopicSpec(name, 1, TimeSpan.FromDays(1))], default));
    }

    [Fact]
    public async Task SecondProcess_OnTheSameFolder_IsRefused()
    {
        using var folder = new TempFolder();
        await using (await OpenAsync(folder))
        {
            var error = await Assert.ThrowsAsync<LogException>(() => OpenAsync(folder));
            Assert.Contains("another process", error.Message, StringComparison.Ordinal);
            if (OperatingSystem.IsLinux()) Assert.Equal(1, await TryLockInAnotherProcessAsync(folder));
        }
        if (OperatingSystem.IsLinux()) Assert.Equal(0, await TryLockInAnotherProcessAsync(folder));
        await (await OpenAsync(folder)).DisposeAsync();
    }

    [Fact]
    public async Task Time_RunningBackwards_DoesNotRunBackwardsInAPartition()
    {
        var time = new FakeTime(DateTimeOffset.UnixEpoch.AddDays(20_000));
        var disk = new UnreliableDisk();
        LogPosition first;
        await using (var log = await LogFixture.OpenAsync(disk, time))
        {
            await log.CreateTopicAsync();
            first = await log.AppendAsync("one");
            time.Advance(TimeSpan.FromHours(-1));
            Assert.Equal(first.AppendTime, (await log.AppendAsync("two")).AppendTime);
        }
        await using (var log = await LogFixture.OpenAsync(disk, time)) Assert.Equal(first.AppendTime, (await log.AppendAsync("three")).AppendTime);
    }

    [Fact]
    public async Task Retention_DeletesOldSegmentsAndKeepsTheOffsets()
    {
        var time = new FakeTime(DateTimeOffset.UnixEpoch.AddDays(20_000));
        var disk = new UnreliableDisk();
        await using (var log = await LogFixture.OpenAsync(disk, time))
        {
            await log.CreateTopicAsync(2, TimeSpan.FromHours(1));
            await log.AppendAsync("quiet partition", 1);
            for (var i = 0; i < 20; i++) await log.AppendAsync($"{i}" + new string('x', 1000));
            time.Advance(TimeSpan.FromMinutes(30));
            await log.AppendAsync("young");
            Assert.Equal(0, (await log.GetOffsetsAsync(LogFixture.First, default)).Oldest);

            time.Advance(TimeSpan.FromMinutes(31));
            await Poll.UntilAsync(async () => (await log.GetOffsetsAsync(LogFixture.First, default)).Oldest > 0, "old segments are deleted");

            Assert.Equal("young", (await log.ReadAllAsync())[^1]);
            await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () => await log.ReadAsync(LogFixture.First, 0, 1, TimeSpan.Zero, default));
        }
        await using (var log = await LogFixture.OpenAsync(disk, time))
        {
            Assert.Equal(new OffsetRange(1, 1), await log.GetOffsetsAsync(LogFixture.First with { Partition = 1 }, default));
            Assert.Equal(1, (await log.AppendAsync("goes on", 1)).Offset);
            Assert.Equal(21, (await log.AppendAsync("goes on")).Offset);
        }
    }

    [Fact]
    public async Task Retention_WhatAGroupHasNotDone_IsKept()
    {
        var time = new FakeTime(DateTimeOffset.UnixEpoch.AddDays(20_000));
        await using var log = await LogFixture.OpenAsync(new UnreliableDisk(), time);
        await log.CreateTopicAsync(1, TimeSpan.FromHours(1));
        var blocked = new TaskCompletionSource();
        var consumer = new RecordingConsumer { BeforeBatch = (_, _) => new ValueTask(blocked.Task) };
        using var cancel = new CancellationTokenSource();
        var consuming = log.ConsumeAsync("group", [LogFixture.First.Topic], consumer, cancel.Token);
        for (var i = 0; i < 20; i++) await log.AppendAsync($"{i}" + new string('x', 1000));

        time.Advance(TimeSpan.FromHours(2));
        await log.AppendAsync("the writer has looked by now");
        Assert.Equal(0, (await log.GetOffsetsAsync(LogFixture.First, default)).Oldest);
        blocked.SetResult();
        await Poll.UntilAsync(() => consumer.Seen.Count == 21, "all is processed");
        await Poll.UntilAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromMinutes(1));
                return (await log.GetOffsetsAsync(LogFixture.First, default)).Oldest > 0;
            },
            "old segments are deleted");

        await cancel.CancelAsync();
        await consuming;
        Assert.Empty(consumer.Faults);
    }

    [Fact]
    public async Task Consume_SegmentsThatAGroupHadNotDoneAreGone_GoesOnAtTheOldestAndCountsOnceWhatItMissed()
    {
        var disk = new UnreliableDisk();
        using var skipped = new SkippedReading("robbed", LogFixture.First.Topic);
        await using (var log = await LogFixture.OpenAsync(disk))
        {
            await log.CreateTopicAsync();
            await log.AppendAsync("done");
            await ConsumeAsync(log, new RecordingConsumer(), async () => await log.GetCommittedAsync("robbed", LogFixture.First, default) is not null);
            for (var i = 0; i < 20; i++) await log.AppendAsync($"{i}" + new string('x', 1000));
        }
        // Somebody made room by hand.
        var names = disk.List().Where(name => Segment.NumberOf(name) is not null).Order(StringComparer.Ordinal).ToList();
        foreach (var name in names[..2]) disk.Delete(name);

        await using (var log = await LogFixture.OpenAsync(disk))
        {
            var oldest = (await log.GetOffsetsAsync(LogFixture.First, default)).Oldest;
            Assert.InRange(oldest, 2, 20);
            var failures = 0;
            var consumer = new RecordingConsumer
            {
                BeforeBatch = (_, _) => failures++ < 2 ? throw new InvalidOperationException("as planned") : ValueTask.CompletedTask,
            };
            await ConsumeAsync(log, consumer, () => Task.FromResult(consumer.Seen.Count == 21 - oldest));
            Assert.Equal(oldest, consumer.Seen.First().Offset);
            Assert.Equal(oldest - 1, skipped.Total);
        }

        static async Task ConsumeAsync(SegmentLog log, RecordingConsumer consumer, Func<Task<bool>> isDone)
        {
            using var cancel = new CancellationTokenSource();
            var consuming = log.ConsumeAsync("robbed", [LogFixture.First.Topic], consumer, cancel.Token);
            await Poll.UntilAsync(isDone, "what there is is processed");
            await cancel.CancelAsync();
            await consuming;
        }
    }

    [Fact]
    public async Task Commits_AfterAPowerLoss_AreThereOrOlder()
    {
        var disk = new UnreliableDisk();
        await using (var log = await LogFixture.OpenAsync(disk))
        {
            await log.CreateTopicAsync();
            using var cancel = new CancellationTokenSource();
            var consumer = new RecordingConsumer { Metadata = record => $"m{record.Offset}" };
            var consuming = log.ConsumeAsync("group", [LogFixture.First.Topic], consumer, cancel.Token);
            for (var i = 0; i < 10; i++) await log.AppendAsync($"{i}");
            await Poll.UntilAsync(() => consumer.Seen.Count == 10, "all is processed");
            await Poll.UntilAsync(
                async () =>
                {
                    // No further append: the commit gets to the disk by itself.
                    await using var copy = await LogFixture.OpenAsync(disk.AfterPowerLoss(null));
                    return await copy.GetCommittedAsync("group", LogFixture.First, default) == new CommittedOffset(10, "m9");
                },
                "the last commit is durable");
            await cancel.CancelAsync();
            await consuming;
        }
    }

    private static async Task<SegmentLog> OpenAsync(TempFolder folder) =>
        await SegmentLog.OpenAsync(folder.Path, LogFixture.Options, TimeProvider.System, NullLogger<SegmentLog>.Instance, default);

    private static async Task<int> TryLockInAnotherProcessAsync(TempFolder folder)
    {
        using var process = Process.Start(new ProcessStartInfo("flock") { ArgumentList = { "--nonblock", "--exclusive", Path.Combine(folder.Path, "lock"), "true" } })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
