using System.IO.Pipelines;
using System.Threading.Channels;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Bridging;

/// <summary>Gives a peer's bridge what is written for it: the records of every partition of <c>chat.bridge.{target}</c> from given offsets on, for as long as it reads.</summary>
public sealed class BridgeOutlet(IMessageLog log, Topics topics, BridgeStatus status, TimeProvider time)
{
    private const int BatchRecords = 256;
    private const int WaitingBatches = 4;

    /// <summary>Whether a stream can start at these offsets.</summary>
    public async Task<OutletCheck> CheckAsync(string target, long[] from, CancellationToken cancellationToken)
    {
        await log.EnsureTopicsAsync([CellTopics.Outbound(topics, target)], cancellationToken);
        var oldest = new long[topics.Bridge];
        var next = new long[topics.Bridge];
        await BridgePartitions.ForEachAsync(
            topics.Bridge,
            async (partition, token) =>
            {
                var range = await log.GetOffsetsAsync(new TopicPartition(Topics.BridgeTo(target), partition), token);
                (oldest[partition], next[partition]) = (range.Oldest, range.Next);
            },
            cancellationToken);
        var code = from.Length != topics.Bridge ? StatusCodes.Status400BadRequest
            : from.Zip(oldest).Any(o => o.First < o.Second) ? StatusCodes.Status410Gone
            : from.Zip(next).Any(o => o.First > o.Second) ? StatusCodes.Status409Conflict
            : StatusCodes.Status200OK;
        return new OutletCheck(code, oldest, next);
    }

    /// <summary>Writes frames until cancelled, and a keep-alive whenever nothing was written for <see cref="BridgeFrame.KeepAliveInterval"/>.</summary>
    public async Task StreamAsync(string target, long[] from, PipeWriter output, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var batches = Channel.CreateBounded<(int Partition, IReadOnlyList<LogRecord> Records)>(new BoundedChannelOptions(WaitingBatches) { SingleReader = true });
        var counts = status.Target(target);
        counts.Opened();
        var readers = from.Select((offset, partition) => ReadAsync(new TopicPartition(Topics.BridgeTo(target), partition), offset, batches.Writer, stop.Token)).ToList();
        try
        {
            BridgeFrame.WriteKeepAlive(output); // the headers go out, and the bridge knows that it is connected
            await output.FlushAsync(cancellationToken);
            while (true)
            {
                if (!await HasBatchAsync(batches.Reader, cancellationToken)) BridgeFrame.WriteKeepAlive(output);
                // Also while the other partitions go on: one that is no longer read must end the stream, else it would stand still for as long as they talk.
                var ended = readers.Find(r => r.IsFaulted);
                if (ended is not null) await ended;
                while (batches.Reader.TryRead(out var batch))
                {
                    foreach (var record in batch.Records)
                    {
                        BridgeFrame.Write(output, new BridgeFrame(batch.Partition, record.Offset, record.AppendTime, record.Key, record.Value));
                    }
                    counts.AddStreamed(batch.Records.Count);
                }
                if ((await output.FlushAsync(cancellationToken)).IsCompleted) return;
            }
        }
        finally
        {
            counts.Closed();
            await stop.CancelAsync();
            await Task.WhenAll(readers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> HasBatchAsync(ChannelReader<(int, IReadOnlyList<LogRecord>)> batches, CancellationToken cancellationToken)
    {
        using var idle = new CancellationTokenSource(BridgeFrame.KeepAliveInterval, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, idle.Token);
        try
        {
            return await batches.WaitToReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task ReadAsync(TopicPartition partition, long offset, ChannelWriter<(int, IReadOnlyList<LogRecord>)> batches, CancellationToken cancellationToken)
    {
        while (true)
        {
            var records = await log.ReadAsync(partition, offset, BatchRecords, BridgeFrame.KeepAliveInterval, cancellationToken);
            if (records.Count == 0) continue;
            offset = records[^1].Offset + 1;
            await batches.WriteAsync((partition.Partition, records), cancellationToken);
        }
    }
}

/// <param name="Oldest">The oldest retained offsets, per partition.</param>
/// <param name="Next">The offsets that the next appends get, per partition.</param>
public sealed record OutletCheck(int StatusCode, long[] Oldest, long[] Next)
{
    public bool Fits => StatusCode == StatusCodes.Status200OK;
}
