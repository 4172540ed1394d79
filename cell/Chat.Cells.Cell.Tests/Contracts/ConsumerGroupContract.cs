using System.Collections.Concurrent;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>What every <see cref="IMessageLog"/> owes its consumers. Assignment may be eventual.</summary>
public abstract class ConsumerGroupContract : MessageLogContract
{
    private string Group => "group." + Topic;

    [Fact]
    public async Task Consume_RecordsBeforeAndAfterJoining_ProcessesAllInOrder()
    {
        await CreateTopicAsync(3);
        for (var i = 0; i < 30; i++) await AppendAsync(i % 3, $"{i}");
        var consumer = new RecordingConsumer();
        await using var running = Run(consumer);
        for (var i = 30; i < 60; i++) await AppendAsync(i % 3, $"{i}");

        await Poll.UntilAsync(() => consumer.Seen.Count == 60, "60 records are processed");

        Assert.Empty(consumer.Faults);
        foreach (var partition in consumer.Seen.GroupBy(seen => seen.Partition.Partition))
        {
            Assert.Equal(Enumerable.Range(0, 20).Select(i => $"{(i * 3) + partition.Key}"), partition.Select(seen => seen.Value));
        }
    }

    [Fact]
    public async Task Consume_StoppedAndStarted_ResumesFromTheCommitWithItsMetadata()
    {
        await CreateTopicAsync(1);
        for (var i = 0; i < 10; i++) await AppendAsync(0, $"{i}");
        var first = new RecordingConsumer { Metadata = record => $"time {record.Offset}" };
        await using (Run(first))
        {
            await Poll.UntilAsync(() => first.Seen.Count == 10, "10 records are processed");
            await Poll.UntilAsync(async () => (await Log.GetCommittedAsync(Group, Partition(0), default))?.NextOffset == 10, "offset 10 is committed");
        }
        await ReopenAsync();
        await AppendAsync(0, "new");
        var second = new RecordingConsumer();
        await using var running = Run(second);

        await Poll.UntilAsync(() => !second.Seen.IsEmpty, "the new record is processed");

        Assert.Equal(new CommittedOffset(10, "time 9"), Assert.Single(second.Starts));
        Assert.Equal("new", Assert.Single(second.Seen).Value);
    }

    [Fact]
    public async Task Consume_NothingCommitted_StartsAtTheOldestWithoutCommit()
    {
        await CreateTopicAsync(1);
        await AppendAsync(0, "a");
        var consumer = new RecordingConsumer { Metadata = null };
        await using (Run(consumer)) await Poll.UntilAsync(() => consumer.Seen.Count == 1, "the record is processed");

        Assert.Null(Assert.Single(consumer.Starts));
        Assert.Null(await Log.GetCommittedAsync(Group, Partition(0), default));
    }

    [Fact]
    public async Task Consume_TwoMembers_ShareThePartitionsAndLoseNothing()
    {
        const int partitions = 4;
        await CreateTopicAsync(partitions);
        var first = new RecordingConsumer();
        var second = new RecordingConsumer();
        await using var runningFirst = Run(first);
        for (var i = 0; i < 200; i++) await AppendAsync(i % partitions, $"{i}");
        var runningSecond = Run(second);
        await Poll.UntilAsync(() => second.Live.Count > 0 && first.Live.Count + second.Live.Count == partitions, "both members have partitions");
        for (var i = 200; i < 400; i++) await AppendAsync(i % partitions, $"{i}");
        await Poll.UntilAsync(() => Distinct(first, second) == 400, "400 records are processed");
        Assert.Empty(first.Live.Intersect(second.Live));

        await runningSecond.DisposeAsync();
        await Poll.UntilAsync(() => first.Live.Count == partitions, "the first member has all partitions again");
        for (var i = 400; i < 500; i++) await AppendAsync(i % partitions, $"{i}");
        await Poll.UntilAsync(() => Distinct(first, second) == 500, "500 records are processed");

        Assert.Empty(first.Faults.Concat(second.Faults));
        Assert.Empty(second.Live);
    }

    [Fact]
    public async Task Consume_MembersComeAndGoUnderLoad_EveryRecordIsProcessedByOneAtATime()
    {
        const int partitions = 3;
        await CreateTopicAsync(partitions);
        var busy = new ConcurrentDictionary<TopicPartition, int>();
        var overlaps = 0;
        RecordingConsumer NewConsumer() => new()
        {
            BeforeBatch = async (partition, _) =>
            {
                if (busy.AddOrUpdate(partition, 1, (_, count) => count + 1) != 1) Interlocked.Increment(ref overlaps);
                await Task.Yield();
                busy.AddOrUpdate(partition, 0, (_, count) => count - 1);
            },
        };
        var all = new List<RecordingConsumer> { NewConsumer() };
        await using var steady = Run(all[0]);
        for (var round = 0; round < 5; round++)
        {
            var guest = NewConsumer();
            all.Add(guest);
            await using var running = Run(guest);
            await Task.WhenAll(Enumerable.Range(0, 60).Select(i => AppendAsync(i % partitions, $"{round}.{i}")));
        }

        await Poll.UntilAsync(() => Distinct([.. all]) == 300, "300 records are processed");

        Assert.Equal(0, overlaps);
        Assert.All(all, consumer => Assert.Empty(consumer.Faults));
    }

    [Fact]
    public async Task Consume_ProcessorThatThrows_StartsAgainFromTheCommit()
    {
        await CreateTopicAsync(1);
        var failed = 0;
        var consumer = new RecordingConsumer
        {
            BeforeBatch = (_, batch) =>
            {
                if (batch.Any(record => record.Value.Span.SequenceEqual("bad"u8)) && Interlocked.Increment(ref failed) <= 2) throw new InvalidOperationException("as planned");
                return ValueTask.CompletedTask;
            },
        };
        await using var running = Run(consumer);
        await AppendAsync(0, "good");
        await Poll.UntilAsync(async () => (await Log.GetCommittedAsync(Group, Partition(0), default))?.NextOffset == 1, "the first is committed");
        await AppendAsync(0, "bad");
        await AppendAsync(0, "after");

        await Poll.UntilAsync(() => consumer.Seen.Count == 3, "all records are processed");

        Assert.Equal(["good", "bad", "after"], consumer.Seen.Select(seen => seen.Value));
        Assert.Equal(3, failed);
        Assert.Equal([null, 1L, 1L], consumer.Starts.Select(start => start?.NextOffset));
        Assert.Empty(consumer.Faults);
    }

    [Fact]
    public async Task Consume_OnePartitionBlocked_TheOthersGoOn()
    {
        await CreateTopicAsync(2);
        var release = new TaskCompletionSource();
        var consumer = new RecordingConsumer { BeforeBatch = (partition, _) => partition.Partition == 0 ? new ValueTask(release.Task) : ValueTask.CompletedTask };
        await using var running = Run(consumer);
        await AppendAsync(0, "blocked");
        await AppendAsync(1, "free");

        await Poll.UntilAsync(() => consumer.Seen.Any(seen => seen.Value == "free"), "the free partition is processed");
        Assert.Single(consumer.Seen);
        release.SetResult();
        await Poll.UntilAsync(() => consumer.Seen.Count == 2, "the blocked one is processed at last");
    }

    [Fact]
    public async Task Consume_TwoGroups_EachGetsEverything()
    {
        await CreateTopicAsync(1);
        var one = new RecordingConsumer();
        var other = new RecordingConsumer();
        await using var runningOne = Run(one);
        await using var runningOther = Run(other, "other." + Topic);

        await AppendAsync(0, "a");

        await Poll.UntilAsync(() => one.Seen.Count == 1 && other.Seen.Count == 1, "both groups have the record");
    }

    [Fact]
    public async Task Commit_LowerThanBefore_ChangesNothing()
    {
        await CreateTopicAsync(1);
        for (var i = 0; i < 5; i++) await AppendAsync(0, $"{i}");
        var factory = new CommittingFactory(async assignment =>
        {
            await assignment.CommitAsync(4, "four", default);
            await assignment.CommitAsync(2, "two", default);
        });
        await using (Run(factory)) await Poll.UntilAsync(() => factory.Done, "the commits are made");

        Assert.Equal(new CommittedOffset(4, "four"), await Log.GetCommittedAsync(Group, Partition(0), default));
    }

    [Fact]
    public async Task Lag_OfAWorkerThatHangs_ShowsWhatWaitsAndHoldsUpNoOtherPartition()
    {
        await CreateTopicAsync(2);
        var hang = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new RecordingConsumer { BeforeBatch = (partition, _) => partition.Partition == 0 ? new ValueTask(hang.Task) : ValueTask.CompletedTask };
        await using var running = Run(consumer);
        for (var i = 0; i < 5; i++) await AppendAsync(0, $"{i}");
        await AppendAsync(1, "other");

        await Poll.UntilAsync(() => LagReading.Of(Group, Topic, 0) == 5, "five records wait");
        await Poll.UntilAsync(() => LagReading.Of(Group, Topic, 1) == 0 && consumer.Seen.Count == 1, "the other partition is done");
        hang.SetResult();
        await Poll.UntilAsync(() => LagReading.Of(Group, Topic, 0) == 0, "nothing waits any more");

        Assert.Equal(6, consumer.Seen.Count);
        Assert.Null(LagReading.Of(Group, Topic, 2));
    }

    [Fact]
    public async Task Lag_MoreComesThanAHangingWorkerIsGiven_CountsAllThatWaits()
    {
        await CreateTopicAsync(1);
        var hang = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new RecordingConsumer { BeforeBatch = (_, _) => new ValueTask(hang.Task) };
        await using var running = Run(consumer);
        await AppendManyAsync(3_000);
        await Poll.UntilAsync(() => LagReading.Of(Group, Topic, 0) == 3_000, "what was appended waits");

        await AppendManyAsync(1_000);
        await Poll.UntilAsync(() => LagReading.Of(Group, Topic, 0) == 4_000, "what was appended since waits too");
        hang.SetResult();
        await Poll.UntilAsync(() => LagReading.Of(Group, Topic, 0) == 0, "nothing waits any more");

        Assert.Equal(4_000, consumer.Seen.Count);

        async Task AppendManyAsync(int count) => await Task.WhenAll(Enumerable.Range(0, count).Select(i => AppendAsync(0, $"{i}")));
    }

    private static int Distinct(params RecordingConsumer[] consumers) => consumers.SelectMany(consumer => consumer.Seen).Select(seen => (seen.Partition, seen.Offset)).Distinct().Count();

    private RunningConsumer Run(IPartitionProcessorFactory factory, string? group = null)
    {
        var cancel = new CancellationTokenSource();
        return new RunningConsumer(Log.ConsumeAsync(group ?? Group, [Topic], factory, cancel.Token), cancel);
    }

    private sealed class RunningConsumer(Task running, CancellationTokenSource cancel) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await cancel.CancelAsync();
            await running.WaitAsync(TimeSpan.FromSeconds(60));
            cancel.Dispose();
        }
    }

    private sealed class CommittingFactory(Func<IPartitionAssignment, Task> commit) : IPartitionProcessorFactory
    {
        public bool Done { get; private set; }

        public async ValueTask<IPartitionProcessor> StartAsync(IPartitionAssignment assignment, CancellationToken revoked)
        {
            await commit(assignment);
            Done = true;
            return new Idle();
        }

        private sealed class Idle : IPartitionProcessor
        {
            public ValueTask ProcessAsync(IReadOnlyList<LogRecord> batch, CancellationToken revoked) => ValueTask.CompletedTask;

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
