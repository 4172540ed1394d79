using System.Text;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>What every <see cref="IMessageLog"/> owes its callers: appending and reading. Topic names are unique to each test, so it may run on shared servers.</summary>
public abstract class MessageLogContract : IAsyncLifetime
{
    protected static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private int partitionCount;

    protected string Topic { get; } = $"contract.{Ulid.NewUlid()}";

    protected IMessageLog Log { get; private set; } = null!;

    /// <summary>Opens the log; the second time it has to find what the first one left.</summary>
    protected abstract ValueTask<IMessageLog> OpenAsync();

    protected abstract ValueTask CleanUpAsync();

    /// <summary>False only for a test double that doesn't stamp records by its own clock.</summary>
    protected virtual bool StampsTheTime => true;

    /// <summary>For the line at the end of the run; null where it says nothing.</summary>
    protected virtual string? EngineVersion => null;

    public async Task InitializeAsync()
    {
        Log = await OpenAsync();
        ContractRuns.Ran(GetType(), EngineVersion);
    }

    public async Task DisposeAsync()
    {
        await Log.DisposeAsync();
        await CleanUpAsync();
    }

    protected async Task ReopenAsync()
    {
        await Log.DisposeAsync();
        Log = await OpenAsync();
        await CreateTopicAsync(partitionCount);
    }

    protected ValueTask CreateTopicAsync(int partitions)
    {
        partitionCount = partitions;
        return Log.EnsureTopicsAsync([new TopicSpec(Topic, partitions, Day)], default);
    }

    protected TopicPartition Partition(int number) => new(Topic, number);

    protected async Task<LogPosition> AppendAsync(int partition, string value) =>
        await Log.AppendAsync(Partition(partition), "key"u8.ToArray(), Encoding.UTF8.GetBytes(value), default);

    protected async Task<List<string>> ReadAllAsync(int partition, long from = 0)
    {
        var values = new List<string>();
        while (true)
        {
            var records = await Log.ReadAsync(Partition(partition), from + values.Count, 100, TimeSpan.Zero, default);
            if (records.Count == 0) return values;
            foreach (var record in records)
            {
                Assert.Equal(from + values.Count, record.Offset);
                values.Add(Encoding.UTF8.GetString(record.Value.Span));
            }
        }
    }

    [Fact]
    public async Task AppendInOrder_SeveralRecords_AreAllThereInTheirOrder()
    {
        await CreateTopicAsync(2);
        await AppendAsync(1, "before");
        LogEntry[] entries = [.. Enumerable.Range(0, 50).Select(i => new LogEntry("key"u8.ToArray(), Encoding.UTF8.GetBytes($"entry {i}")))];

        await Log.AppendInOrderAsync(Partition(1), entries, default);
        await Log.AppendInOrderAsync(Partition(1), [], default);

        Assert.Equal(["before", .. Enumerable.Range(0, 50).Select(i => $"entry {i}")], await ReadAllAsync(1));
    }

    [Fact]
    public async Task EnsureTopics_TwiceTheSame_IsFine()
    {
        await CreateTopicAsync(3);
        await CreateTopicAsync(3);

        Assert.Equal(3, Log.PartitionCount(Topic));
    }

    [Fact]
    public async Task EnsureTopics_OtherPartitionCount_IsRefused()
    {
        await CreateTopicAsync(3);

        await Assert.ThrowsAsync<LogException>(async () => await CreateTopicAsync(4));
        Assert.Equal(3, Log.PartitionCount(Topic));
    }

    [Fact]
    public async Task PartitionCount_UnknownTopic_Throws()
    {
        await CreateTopicAsync(1);

        Assert.Throws<LogException>(() => Log.PartitionCount(Topic + ".other"));
    }

    [Fact]
    public async Task Append_ToSeveralPartitions_CountsOffsetsFromZeroInEach()
    {
        await CreateTopicAsync(2);

        Assert.Equal(0, (await AppendAsync(0, "a")).Offset);
        Assert.Equal(1, (await AppendAsync(0, "b")).Offset);
        Assert.Equal(0, (await AppendAsync(1, "c")).Offset);
        Assert.Equal(["a", "b"], await ReadAllAsync(0));
        Assert.Equal(["c"], await ReadAllAsync(1));
        Assert.Equal(new OffsetRange(0, 2), await Log.GetOffsetsAsync(Partition(0), default));
    }

    [Fact]
    public async Task Append_NotAwaited_KeepsTheOrderOfTheCalls()
    {
        await CreateTopicAsync(1);
        var appends = Enumerable.Range(0, 500).Select(i => AppendAsync(0, $"{i}")).ToList();

        var positions = await Task.WhenAll(appends);

        Assert.Equal(Enumerable.Range(0, 500).Select(i => (long)i), positions.Select(position => position.Offset));
        Assert.Equal(Enumerable.Range(0, 500).Select(i => $"{i}"), await ReadAllAsync(0));
    }

    [Fact]
    public async Task Append_ThenRead_GivesKeyValueAndTheSameTime()
    {
        await CreateTopicAsync(1);
        byte[] key = [0, 1, 2];
        var value = new byte[100_000];
        new Random(1).NextBytes(value);

        var position = await Log.AppendAsync(Partition(0), key, value, default);
        var record = Assert.Single(await Log.ReadAsync(Partition(0), 0, 10, TimeSpan.Zero, default));

        Assert.Equal(position.Offset, record.Offset);
        if (StampsTheTime) Assert.Equal(position.AppendTime, record.AppendTime);
        Assert.Equal(key, record.Key.ToArray());
        Assert.Equal(value, record.Value.ToArray());
    }

    [Fact]
    public async Task Append_BuffersUsedAgainAfterwards_DoesNotChangeTheRecord()
    {
        await CreateTopicAsync(1);
        byte[] value = [1, 2, 3];

        await Log.AppendAsync(Partition(0), value, value, default);
        value.AsSpan().Clear();

        var record = Assert.Single(await Log.ReadAsync(Partition(0), 0, 10, TimeSpan.Zero, default));
        Assert.Equal([1, 2, 3], record.Value.ToArray());
        Assert.Equal([1, 2, 3], record.Key.ToArray());
    }

    [Fact]
    public async Task Append_TimesOfOnePartition_NeverRunBackwards()
    {
        await CreateTopicAsync(1);

        var positions = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => AppendAsync(0, $"{i}")));

        Assert.Equal(positions.Select(position => position.AppendTime).Order(), positions.Select(position => position.AppendTime));
    }

    [Fact]
    public async Task Reopen_AfterAppends_FindsThemAndGoesOn()
    {
        await CreateTopicAsync(2);
        for (var i = 0; i < 50; i++) await AppendAsync(i % 2, $"{i}");

        await ReopenAsync();

        Assert.Equal(2, Log.PartitionCount(Topic));
        Assert.Equal(Enumerable.Range(0, 25).Select(i => $"{i * 2}"), await ReadAllAsync(0));
        Assert.Equal(25, (await AppendAsync(1, "next")).Offset);
    }

    [Fact]
    public async Task Read_AtTheEndWithoutWait_IsEmpty()
    {
        await CreateTopicAsync(1);
        await AppendAsync(0, "a");

        Assert.Empty(await Log.ReadAsync(Partition(0), 1, 10, TimeSpan.Zero, default));
    }

    [Fact]
    public async Task Read_AtTheEndWithShortWait_IsEmptyInTheEnd()
    {
        await CreateTopicAsync(1);

        Assert.Empty(await Log.ReadAsync(Partition(0), 0, 10, TimeSpan.FromMilliseconds(50), default));
    }

    [Fact]
    public async Task Read_AtTheEndWithWait_ReturnsWhatIsAppendedMeanwhile()
    {
        await CreateTopicAsync(1);
        var reading = Log.ReadAsync(Partition(0), 0, 10, TimeSpan.FromSeconds(60), default).AsTask();

        await AppendAsync(0, "a");

        Assert.Equal("a"u8.ToArray(), (await reading)[0].Value.ToArray());
    }

    [Fact]
    public async Task Read_Waiting_EndsWhenCancelled()
    {
        await CreateTopicAsync(1);
        using var cancel = new CancellationTokenSource();
        var reading = Log.ReadAsync(Partition(0), 0, 10, TimeSpan.FromMinutes(10), cancel.Token).AsTask();

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    public async Task Read_OutsideTheOffsets_Throws(long offset)
    {
        await CreateTopicAsync(1);
        await AppendAsync(0, "a");

        var error = await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () => await Log.ReadAsync(Partition(0), offset, 10, TimeSpan.Zero, default));
        Assert.Equal(new OffsetRange(0, 1), error.Range);
    }

    [Fact]
    public async Task Read_MoreThanAsked_ReturnsTheFirst()
    {
        await CreateTopicAsync(1);
        for (var i = 0; i < 5; i++) await AppendAsync(0, $"{i}");

        var records = await Log.ReadAsync(Partition(0), 1, 2, TimeSpan.Zero, default);

        Assert.Equal([1L, 2L], records.Select(record => record.Offset));
    }

    [Fact]
    public async Task Append_ToAPartitionThatIsNot_Throws()
    {
        await CreateTopicAsync(1);

        await Assert.ThrowsAsync<LogException>(async () => await AppendAsync(1, "a"));
    }
}
