using Chat.Cells.Cell.Bridging;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Messaging;

/// <summary>The fan-out role: one judge per partition of the channels' topics. Any number of copies may run; the consumer group shares the partitions out.</summary>
public sealed class FanOutRole(
    IMessageLog log,
    IMessageStore store,
    ICellState state,
    ICellDirectory cells,
    Topics topics,
    TimeProvider time,
    ILogger<FanOutRole> logger) : IPartitionProcessorFactory
{
    /// <summary>The consumer group.</summary>
    public const string Group = "fanout";

    private readonly BridgeOutbox bridges = new(log, topics, cells, logger);
    private readonly StatePatience patience = new(time, logger);

    /// <summary>True while it consumes.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Judges until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await CellTopics.EnsureAsync(log, topics, cells, cancellationToken);
        IsRunning = true;
        try
        {
            await log.ConsumeAsync(Group, [Topics.DirectMessages, Topics.GroupMessages], this, cancellationToken);
        }
        finally
        {
            IsRunning = false;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IPartitionProcessor> StartAsync(IPartitionAssignment assignment, CancellationToken revoked)
    {
        var partition = assignment.Partition;
        var lastTime = await PartitionTime.RecoverAsync(log, store, assignment, logger, revoked);
        return new FanOutProcessor(
            assignment,
            new Judge(cells, Topics.LogPartition(partition)),
            new JudgeState(lastTime),
            log,
            store,
            new InboxAppender(log, topics.Inbox),
            bridges,
            new VerdictPublisher(state, patience, logger),
            new WorkLatency(Group, time),
            logger);
    }
}
