using Chat.Cells.Cell.Bridging;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Bridging;

/// <summary>What a bridge waits for before it copies its first record: the log's answers about every partition, on both sides.</summary>
public sealed class BridgePositionTests
{
    private const int Partitions = 32;
    private static readonly Topics Topics = new(1, 1, 2, Partitions);
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Position_EveryPartitionTakesItsTime_AsksSeveralAtOnceAndNotAll()
    {
        await using var log = new SlowLog { AnswersWhenAsked = 8 };
        var next = await Inbox(log).PositionAsync("a", CancellationToken.None).WaitAsync(Bound);
        Assert.Equal(Enumerable.Range(0, Partitions).Select(p => SlowLog.PlaceOf(p) + 1), next!);
        Assert.Equal(8, log.MostAtOnce);
    }

    [Fact]
    public async Task Check_EveryPartitionTakesItsTime_AsksSeveralAtOnceAndNotAll()
    {
        await using var log = new SlowLog { AnswersWhenAsked = 8 };
        var outlet = new BridgeOutlet(log, Topics, new BridgeStatus(), TimeProvider.System);
        var check = await outlet.CheckAsync("b", new long[Partitions], CancellationToken.None).WaitAsync(Bound);
        Assert.True(check.Fits);
        Assert.Equal(Enumerable.Range(0, Partitions).Select(p => p + 1L), check.Next);
        Assert.Equal(8, log.MostAtOnce);
    }

    [Fact]
    public async Task Position_TheLogDoesNotGiveALastRecord_SaysThatItIsUnavailableAndIsAskedAgain()
    {
        await using var log = new SlowLog { AnswersWhenAsked = 1, LacksTailOf = 17 };
        var inbox = Inbox(log);
        var e = await Assert.ThrowsAsync<LogUnavailableException>(() => inbox.PositionAsync("a", CancellationToken.None).WaitAsync(Bound));
        Assert.Contains("a.chat.bridge.b[17]", e.Message, StringComparison.Ordinal);
        log.LacksTailOf = null;
        Assert.Equal(Partitions, (await inbox.PositionAsync("a", CancellationToken.None).WaitAsync(Bound))!.Length);
    }

    private static BridgeInbox Inbox(IMessageLog log) =>
        new(log, new TestDirectory("b"), Topics, new BridgeStatus(), TimeProvider.System, NullLogger<BridgeInbox>.Instance);

    /// <summary>Partition p has p + 1 records, the last one of which came from place 100 + p of the source.</summary>
    private sealed class SlowLog : IMessageLog
    {
        private readonly TaskCompletionSource enough = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock gate = new();
        private int asking;

        /// <summary>Nobody has an answer before so many have asked.</summary>
        public required int AnswersWhenAsked { get; init; }

        public int? LacksTailOf { get; set; }

        public int MostAtOnce { get; private set; }

        public static long PlaceOf(int partition) => 100 + partition;

        public async ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken)
        {
            lock (gate)
            {
                MostAtOnce = Math.Max(MostAtOnce, ++asking);
                if (asking >= AnswersWhenAsked) enough.TrySetResult();
            }
            await enough.Task.WaitAsync(cancellationToken);
            await Task.Yield();
            lock (gate) asking--;
            return new OffsetRange(0, partition.Partition + 1);
        }

        public ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken) =>
            new(partition.Partition == LacksTailOf ? [] : (IReadOnlyList<LogRecord>)[new LogRecord(fromOffset, 1, "k"u8.ToArray(), BridgedValue.Encode(PlaceOf(partition.Partition), "v"u8))]);

        public ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
            throw new LogException("Nothing is appended here.");

        public Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken) => Task.CompletedTask;

        public int PartitionCount(string topic) => Partitions;

        public ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken) => new((CommittedOffset?)null);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
