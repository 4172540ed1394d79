using System.Text;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Connections;

/// <summary>Appends records to their channel's partition, and knows how many appends are under way.</summary>
internal sealed class ChannelLog(IMessageLog log, Topics topics, TimeProvider time)
{
    private readonly Lock gate = new();
    private int underWay;
    private TaskCompletionSource? idle;

    /// <summary>
    /// Appends; completes when the record is durable. Calls for one channel keep their order, awaited or not: the append has been handed over when this returns its task.
    /// </summary>
    /// <exception cref="LogException">Not appended, or not known whether it was.</exception>
    public async Task AppendAsync(ChannelRecord record, ChannelType type, CancellationToken cancellationToken)
    {
        var topic = Topics.ForChannel(type);
        var key = Encoding.UTF8.GetBytes(record.ChannelId);
        var partition = KeyPartitioner.PartitionFor(key, type == ChannelType.Direct ? topics.Direct : topics.Group);
        lock (gate) underWay++;
        var started = time.GetTimestamp();
        try
        {
            await log.AppendAsync(new TopicPartition(topic, partition), key, ChannelRecord.Encode(record), cancellationToken);
            GatewayMetrics.AppendLatency.Record(time.GetElapsedTime(started).TotalSeconds);
        }
        finally
        {
            lock (gate)
            {
                if (--underWay == 0) idle?.TrySetResult();
            }
        }
    }

    /// <summary>Done when no append is under way.</summary>
    public Task WaitForIdleAsync()
    {
        lock (gate)
        {
            if (underWay == 0) return Task.CompletedTask;
            idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return idle.Task;
        }
    }
}
