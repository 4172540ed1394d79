using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Chaos.Steps;

/// <summary>Starts a server's processors: names the role of all that they do, gives them what was committed, and makes each commit a step.</summary>
internal sealed class SteppedProcessors(string group, int generation, GroupOffsets offsets, IPartitionProcessorFactory inner, ServerLife life) : IPartitionProcessorFactory
{
    public async ValueTask<IPartitionProcessor> StartAsync(IPartitionAssignment assignment, CancellationToken revoked)
    {
        ServerLife.Enter(group);
        await life.CheckAsync();
        var committed = offsets.Find(group, assignment.Partition);
        var started = await inner.StartAsync(new SteppedAssignment(this, assignment.Partition, committed), revoked);
        return new SteppedProcessor(this, started, committed?.NextOffset ?? 0);
    }

    private sealed class SteppedAssignment(SteppedProcessors owner, TopicPartition partition, CommittedOffset? committed) : IPartitionAssignment
    {
        private long highest = -1;

        public TopicPartition Partition => partition;

        public CommittedOffset? Committed => committed;

        public async ValueTask CommitAsync(long nextOffset, string metadata, CancellationToken cancellationToken)
        {
            if (nextOffset < highest) return;
            await owner.PassCommitAsync(Side.Before);
            highest = nextOffset;
            owner.Commit(partition, new CommittedOffset(nextOffset, metadata));
            await owner.PassCommitAsync(Side.After);
        }
    }

    private sealed class SteppedProcessor(SteppedProcessors owner, IPartitionProcessor inner, long from) : IPartitionProcessor
    {
        public async ValueTask ProcessAsync(IReadOnlyList<LogRecord> batch, CancellationToken revoked)
        {
            owner.Enter();
            var fresh = batch[0].Offset >= from ? batch : [.. batch.Where(r => r.Offset >= from)];
            if (fresh.Count > 0) await inner.ProcessAsync(fresh, revoked);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private void Enter() => ServerLife.Enter(group);

    private ValueTask PassCommitAsync(Side side) => life.PassAsync("commit", side, static () => new LogUnavailableException("Told to fail: the commit."));

    private void Commit(TopicPartition partition, CommittedOffset committed) => offsets.Commit(group, generation, partition, committed);
}
