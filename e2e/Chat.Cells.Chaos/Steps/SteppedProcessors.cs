using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Chaos.Steps;

/// <summary>Starts a server's processors: names the role of all that they do, and makes each commit a step.</summary>
/// <param name="group">The consumer group: the role.</param>
/// <param name="inner">Makes the processors.</param>
/// <param name="life">The server.</param>
/// <param name="kept">Where commits are kept in the log's place; null: in the log.</param>
internal sealed class SteppedProcessors(string group, IPartitionProcessorFactory inner, ServerLife life, KeptOffsets? kept) : IPartitionProcessorFactory
{
    public async ValueTask<IPartitionProcessor> StartAsync(IPartitionAssignment assignment, CancellationToken revoked)
    {
        ServerLife.Enter(group);
        await life.CheckAsync();
        var stepped = new SteppedAssignment(assignment, life, kept);
        var started = await inner.StartAsync(stepped, revoked);
        return new SteppedProcessor(group, started, stepped.Committed?.NextOffset ?? 0);
    }

    private sealed class SteppedAssignment(IPartitionAssignment inner, ServerLife life, KeptOffsets? kept) : IPartitionAssignment
    {
        private long highest = -1;

        public TopicPartition Partition => inner.Partition;

        public CommittedOffset? Committed { get; } = kept is null ? inner.Committed : kept.Find(inner.Partition);

        public async ValueTask CommitAsync(long nextOffset, string metadata, CancellationToken cancellationToken)
        {
            if (nextOffset < highest) return;
            await PassAsync(Side.Before);
            highest = nextOffset;
            if (kept is null) await inner.CommitAsync(nextOffset, metadata, cancellationToken);
            else kept.Commit(inner.Partition, new CommittedOffset(nextOffset, metadata));
            await PassAsync(Side.After);
        }

        private ValueTask PassAsync(Side side) => life.PassAsync("commit", side, static () => new LogUnavailableException("Told to fail: the commit."));
    }

    private sealed class SteppedProcessor(string group, IPartitionProcessor inner, long from) : IPartitionProcessor
    {
        public async ValueTask ProcessAsync(IReadOnlyList<LogRecord> batch, CancellationToken revoked)
        {
            ServerLife.Enter(group);
            var fresh = batch[0].Offset >= from ? batch : [.. batch.Where(r => r.Offset >= from)];
            if (fresh.Count > 0) await inner.ProcessAsync(fresh, revoked);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

/// <summary>One member's view of a group's kept offsets.</summary>
internal sealed class KeptOffsets(GroupOffsets offsets, string group, int generation)
{
    public CommittedOffset? Find(TopicPartition partition) => offsets.Find(group, partition);

    public void Commit(TopicPartition partition, CommittedOffset committed) => offsets.Commit(group, generation, partition, committed);
}
