using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>Runs the processor of one assigned partition: reads, calls, and starts it again from the committed offset when it fails.</summary>
internal sealed partial class PartitionRunner(SegmentLog log, SegmentLogOptions options, TimeProvider time, ILogger logger, string group, TopicPartition partition)
{
    // A processor that fails before its first commit starts there again: what is gone is counted once.
    private long skippedTo;

    /// <summary>Until cancelled and the processor is disposed. Never throws.</summary>
    public async Task RunAsync(IPartitionProcessorFactory factory, CancellationToken revoked)
    {
        var failures = 0;
        while (!revoked.IsCancellationRequested)
        {
            var assignment = new Assignment(log, group, partition);
            using var lag = ConsumerLag.Measure(group, partition, Lag);
            IPartitionProcessor? processor = null;
            try
            {
                processor = await factory.StartAsync(assignment, revoked);
                await ProcessAsync(processor, StartOf(assignment), () => failures = 0, revoked);
            }
            catch (OperationCanceledException) when (revoked.IsCancellationRequested)
            {
                LogRevoked(partition.Topic, partition.Partition, group);
            }
            catch (Exception e)
            {
                // A processor may fail by anything; it never takes the consumer down.
                failures++;
                LogProcessorFailed(e, partition.Topic, partition.Partition, group, log.FindCommit(group, partition)?.NextOffset ?? 0);
            }
            await DisposeAsync(processor);
            assignment.Close();
            if (failures > 0 && !revoked.IsCancellationRequested) await BackOffAsync(failures, revoked);
        }
    }

    private async Task ProcessAsync(IPartitionProcessor processor, long position, Action processed, CancellationToken revoked)
    {
        while (true)
        {
            var batch = await log.ReadBatchAsync(partition, position, options.MaxBatchRecords, options.MaxBatchBytes, revoked);
            await processor.ProcessAsync(batch, revoked);
            position = batch[^1].Offset + 1;
            processed();
        }
    }

    private long? Lag()
    {
        var offsets = log.OffsetsOf(partition);
        return offsets.Next - Math.Max(offsets.Oldest, log.FindCommit(group, partition)?.NextOffset ?? 0);
    }

    private long StartOf(Assignment assignment)
    {
        var oldest = log.OffsetsOf(partition).Oldest;
        if (assignment.Committed is not { } committed) return oldest;
        var from = Math.Max(committed.NextOffset, skippedTo);
        if (from < oldest)
        {
            LogSkipped(partition.Topic, partition.Partition, group, from, oldest);
            SkippedRecords.Add(group, partition.Topic, from, oldest);
            skippedTo = oldest;
        }
        return Math.Max(committed.NextOffset, oldest);
    }

    private async Task DisposeAsync(IPartitionProcessor? processor)
    {
        if (processor is null) return;
        try
        {
            await processor.DisposeAsync();
        }
        catch (Exception e)
        {
            LogDisposeFailed(e, partition.Topic, partition.Partition, group);
        }
    }

    private async Task BackOffAsync(int failures, CancellationToken revoked)
    {
        var pause = options.MinBackOff * Math.Pow(2, Math.Min(failures - 1, 20));
        await Task.Delay(pause < options.MaxBackOff ? pause : options.MaxBackOff, time, revoked).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private sealed class Assignment(SegmentLog log, string group, TopicPartition partition) : IPartitionAssignment
    {
        private readonly Lock gate = new();
        private long highest = -1;
        private bool closed;

        public TopicPartition Partition => partition;
        public CommittedOffset? Committed { get; } = log.FindCommit(group, partition);

        public ValueTask CommitAsync(long nextOffset, string metadata, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            SegmentLog.CheckMetadata(metadata);
            lock (gate)
            {
                if (closed || nextOffset < highest) return ValueTask.CompletedTask;
                highest = nextOffset;
                log.Commit(group, partition, new CommittedOffset(nextOffset, metadata));
            }
            return ValueTask.CompletedTask;
        }

        public void Close()
        {
            lock (gate) closed = true;
        }
    }

    [LoggerMessage(21, LogLevel.Error, "The processor of {Topic}[{Partition}] in group {Group} failed; it starts again from offset {Offset}.")]
    private partial void LogProcessorFailed(Exception error, string topic, int partition, string group, long offset);

    [LoggerMessage(22, LogLevel.Error, "The processor of {Topic}[{Partition}] in group {Group} failed while it was disposed.")]
    private partial void LogDisposeFailed(Exception error, string topic, int partition, string group);

    [LoggerMessage(23, LogLevel.Error, "Group {Group} had committed offset {Committed} of {Topic}[{Partition}], but the oldest retained record is {Oldest}: it goes on there.")]
    private partial void LogSkipped(string topic, int partition, string group, long committed, long oldest);

    [LoggerMessage(24, LogLevel.Debug, "{Topic}[{Partition}] was taken away from a member of group {Group}.")]
    private partial void LogRevoked(string topic, int partition, string group);
}
