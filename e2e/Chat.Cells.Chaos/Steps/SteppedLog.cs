using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Chaos.Steps;

/// <summary>One server's view of its cell's log: every append and commit is a step, and dies with the server. Doesn't own the log.</summary>
/// <param name="inner">The log.</param>
/// <param name="offsets">Where commits are kept in its place; null: in the log.</param>
/// <param name="life">The server.</param>
public sealed class SteppedLog(IMessageLog inner, GroupOffsets? offsets, ServerLife life) : IMessageLog
{
    private readonly Lock gate = new();
    private readonly Dictionary<TopicPartition, Task> asked = [];

    public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        // Appends to a partition keep their order, also when some of them have to wait while the server is frozen.
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task before;
        lock (gate)
        {
            before = asked.GetValueOrDefault(partition, Task.CompletedTask);
            asked[partition] = turn.Task;
        }
        return AppendInTurnAsync(before, turn, partition, key, value, cancellationToken);
    }

    public Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken) =>
        offsets is null ? inner.ConsumeAsync(group, topics, new SteppedProcessors(group, factory, life, null), cancellationToken) : ConsumeAsync(group, offsets, topics, factory, cancellationToken);

    public async ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken)
    {
        await life.CheckAsync();
        await inner.EnsureTopicsAsync(topics, cancellationToken);
    }

    public int PartitionCount(string topic) => inner.PartitionCount(topic);

    public async ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken)
    {
        await life.CheckAsync();
        return await inner.ReadAsync(partition, fromOffset, maxRecords, wait, cancellationToken);
    }

    public async ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        await life.CheckAsync();
        return await inner.GetOffsetsAsync(partition, cancellationToken);
    }

    public async ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken)
    {
        await life.CheckAsync();
        return offsets is null ? await inner.GetCommittedAsync(group, partition, cancellationToken) : offsets.Find(group, partition);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask<LogPosition> AppendInTurnAsync(
        Task before, TaskCompletionSource turn, TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        var effect = "append:" + partition.Topic;
        ValueTask<LogPosition> appending;
        try
        {
            await before;
            await life.PassAsync(effect, Side.Before, Failure);
            appending = inner.AppendAsync(partition, key, value, cancellationToken);
        }
        finally
        {
            turn.SetResult();
        }
        var position = await appending;
        await life.PassAsync(effect, Side.After, Failure);
        return position;

        Exception Failure() => new LogUnavailableException($"Told to fail: {effect}.");
    }

    private async Task ConsumeAsync(string group, GroupOffsets kept, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken)
    {
        await life.CheckAsync();
        var generation = kept.Join(group);
        using var alive = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, life.Death);
        // A group of its own in the log, which so doesn't wait for a frozen member, reads from the oldest record and leaves it to us what is new.
        await inner.ConsumeAsync($"{group}-{generation}", topics, new SteppedProcessors(group, factory, life, new KeptOffsets(kept, group, generation)), alive.Token);
        await life.CheckAsync();
    }
}
