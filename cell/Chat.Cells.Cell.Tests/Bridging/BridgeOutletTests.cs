using System.IO.Pipelines;
using Chat.Cells.Cell.Bridging;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Bridging;

public sealed class BridgeOutletTests
{
    [Fact]
    public async Task Stream_OnePartitionCanNoLongerBeRead_EndsAlthoughAnotherOneNeverRests()
    {
        var outlet = new BridgeOutlet(new HalfBrokenLog(), Topics.Embedded, new BridgeStatus(), TimeProvider.System);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var streaming = outlet.StreamAsync("b", new long[Topics.Embedded.Bridge], pipe.Writer, CancellationToken.None);
        var e = await Assert.ThrowsAsync<LogException>(() => streaming.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal("partition 1 is broken", e.Message);
    }

    /// <summary>Partition 0 always has one more record; partition 1 fails.</summary>
    private sealed class HalfBrokenLog : IMessageLog
    {
        public async ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken)
        {
            await Task.Delay(5, cancellationToken);
            if (partition.Partition == 1) throw new LogException("partition 1 is broken");
            return [new LogRecord(fromOffset, 1, new byte[] { 1 }, new byte[] { 2 })];
        }

        public ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
            throw new LogException("Nothing is appended here.");

        public Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken) => Task.CompletedTask;

        public int PartitionCount(string topic) => Topics.Embedded.Bridge;

        public ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken) => new(new OffsetRange(0, long.MaxValue));

        public ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken) => new((CommittedOffset?)null);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
