using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Bridging;

/// <summary>
/// The bridge-in role: serves what peers sent to the users who live here. It never writes to <c>chat.bridge.*</c>, so that no record can go round. Peers that join
/// the cell map are taken up within a second.
/// </summary>
public sealed class BridgeInRole(
    IMessageLog log,
    IMessageStore store,
    ICellState state,
    ICellDirectory cells,
    Topics topics,
    BridgeStatus status,
    TimeProvider time,
    ILogger<BridgeInRole> logger) : IPartitionProcessorFactory
{
    /// <summary>The consumer group.</summary>
    public const string Group = "bridge-in";

    private static readonly TimeSpan PeerCheck = TimeSpan.FromSeconds(1);

    private readonly StatePatience patience = new(time, logger);

    /// <summary>True while it serves.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Serves until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        IsRunning = true;
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                var peers = cells.Peers;
                await CellTopics.EnsureAsync(log, topics, cells, cancellationToken);
                using var changed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                var consuming = peers.Count == 0
                    ? Task.CompletedTask
                    : log.ConsumeAsync(Group, [.. peers.Select(p => Topics.BridgedFrom(p, cells.CellName))], this, changed.Token);
                await WaitForOtherPeersAsync(peers, consuming, cancellationToken);
                await changed.CancelAsync();
                await consuming;
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // stopped: the consumer disposes its processors by itself
            return;
        }
        finally
        {
            IsRunning = false;
        }
    }

    /// <inheritdoc/>
    public ValueTask<IPartitionProcessor> StartAsync(IPartitionAssignment assignment, CancellationToken revoked)
    {
        var partition = assignment.Partition;
        var suffix = Topics.BridgedFrom("", cells.CellName);
        var peer = partition.Topic[..^suffix.Length];
        return ValueTask.FromResult<IPartitionProcessor>(new BridgeInProcessor(
            assignment,
            peer,
            log,
            store,
            topics,
            new InboxAppender(log, topics.Inbox),
            new VerdictPublisher(state, patience, logger),
            new JudgedWait(log, time, logger),
            status.Source(peer),
            new WorkLatency(Group, time),
            logger));
    }

    private async Task WaitForOtherPeersAsync(IReadOnlyList<string> peers, Task consuming, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(PeerCheck, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            if (peers.Count > 0 && consuming.IsCompleted) return;
            if (!cells.Peers.SequenceEqual(peers)) return;
        }
    }
}
