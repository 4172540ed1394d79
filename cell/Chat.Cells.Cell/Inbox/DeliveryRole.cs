using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Unread;

namespace Chat.Cells.Cell.Inbox;

/// <summary>The delivery role: writes inbox rows and tells the servers that hold the users' sockets. Any number of copies may run.</summary>
public sealed class DeliveryRole(
    IMessageLog log,
    IMessageStore store,
    ICellState state,
    ICellDirectory cells,
    Topics topics,
    TimeProvider time,
    ILogger<DeliveryRole> logger) : IPartitionProcessorFactory, IAsyncDisposable
{
    /// <summary>The consumer group.</summary>
    public const string Group = "delivery";

    // Of the role and not of a partition: what could not be announced is still owed when a rebalance takes the partition away.
    private readonly CursorAnnouncer cursors = new(state, time, logger);
    private readonly StatePatience patience = new(time, logger);

    /// <summary>True while it consumes.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Delivers until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await CellTopics.EnsureAsync(log, topics, cells, cancellationToken);
        IsRunning = true;
        try
        {
            await log.ConsumeAsync(Group, [Topics.InboxTopic], this, cancellationToken);
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
        var bucket = await DeliveryBucket.RecoverAsync(log, assignment, revoked);
        var marks = await store.LoadHighWaterAsync(partition.Partition, revoked);
        return new DeliveryProcessor(
            assignment,
            new DeliveryState(bucket, marks),
            log,
            store,
            new UnreadWriter(state, logger),
            new HintPublisher(state, cursors, patience, logger),
            new WorkLatency(Group, time),
            logger);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => cursors.DisposeAsync();
}
