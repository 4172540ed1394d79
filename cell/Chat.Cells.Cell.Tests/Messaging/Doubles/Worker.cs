using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>One worker's hold on one partition: reads on from what was committed when it started, a batch whenever it is told to.</summary>
internal sealed class Worker : IPartitionAssignment
{
    private readonly TestLog log;
    private readonly string group;
    private IPartitionProcessor? processor;

    private Worker(TestLog log, string group, TopicPartition partition)
    {
        this.log = log;
        this.group = group;
        Partition = partition;
        Committed = log.Committed(group, partition);
        Next = Math.Max(Committed?.NextOffset ?? 0, log.Oldest.GetValueOrDefault(partition));
    }

    public TopicPartition Partition { get; }

    public CommittedOffset? Committed { get; }

    /// <summary>The offset of the next record that it reads.</summary>
    public long Next { get; private set; }

    public static async Task<Worker> StartAsync(TestLog log, string group, TopicPartition partition, IPartitionProcessorFactory factory)
    {
        var worker = new Worker(log, group, partition);
        worker.processor = await factory.StartAsync(worker, CancellationToken.None);
        return worker;
    }

    /// <summary>Processes up to <paramref name="max"/> records; false when there were none.</summary>
    public async Task<bool> StepAsync(int max)
    {
        var batch = await log.ReadAsync(Partition, Next, max, TimeSpan.Zero, CancellationToken.None);
        if (batch.Count == 0) return false;
        await processor!.ProcessAsync(batch, CancellationToken.None);
        Next = batch[^1].Offset + 1;
        return true;
    }

    /// <summary>The partition is taken away.</summary>
    public ValueTask StopAsync() => processor!.DisposeAsync();

    public ValueTask CommitAsync(long nextOffset, string metadata, CancellationToken cancellationToken)
    {
        log.Commit(group, Partition, nextOffset, metadata);
        return ValueTask.CompletedTask;
    }
}
