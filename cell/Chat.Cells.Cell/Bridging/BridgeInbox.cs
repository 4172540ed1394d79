using System.Collections.Concurrent;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Bridging;

/// <summary>
/// Takes in what bridges bring: appends it to <c>{source}.chat.bridge.{here}</c>, in the source's order, each offset once. The place in the source is read back from
/// the tail of that topic; there is no other state, so that a bridge may die at any instant.
/// </summary>
public sealed partial class BridgeInbox(
    IMessageLog log, ICellDirectory cells, Topics topics, BridgeStatus status, TimeProvider time, ILogger<BridgeInbox> logger)
{
    private readonly ConcurrentDictionary<string, Source> sources = new();

    /// <summary>The source's offsets to be appended next, per partition; null when there is no such peer.</summary>
    /// <exception cref="LogException">The log refused or failed.</exception>
    public async Task<long[]?> PositionAsync(string peer, CancellationToken cancellationToken)
    {
        if (!cells.Peers.Contains(peer)) return null;
        var source = sources.GetOrAdd(peer, static _ => new Source());
        await source.Gate.WaitAsync(cancellationToken);
        try
        {
            source.Next = null;
            return [.. await LoadAsync(peer, source, cancellationToken)];
        }
        finally
        {
            source.Gate.Release();
        }
    }

    /// <summary>
    /// Appends frames; completes when they are durable. Offsets that are here already are dropped; a jump is counted and taken, because what was jumped over is no
    /// longer there to wait for; a record that the peer may not send is put on <c>chat.dead</c>, and only its place is kept.
    /// </summary>
    /// <returns>Null when there is no such peer.</returns>
    /// <exception cref="InvalidDataException">A frame's partition does not exist.</exception>
    /// <exception cref="LogException">The log refused or failed; what was appended is found again by <see cref="PositionAsync"/>.</exception>
    public async Task<AppendResult?> AppendAsync(string peer, IReadOnlyList<BridgeFrame> frames, CancellationToken cancellationToken)
    {
        if (!cells.Peers.Contains(peer)) return null;
        foreach (var frame in frames)
        {
            if (frame.Partition >= topics.Bridge) throw new InvalidDataException($"There are {topics.Bridge} bridge partitions, so none has number {frame.Partition}.");
        }
        var source = sources.GetOrAdd(peer, static _ => new Source());
        await source.Gate.WaitAsync(cancellationToken);
        try
        {
            var next = await LoadAsync(peer, source, cancellationToken);
            var lanes = frames.GroupBy(f => f.Partition).Select(lane => AppendLaneAsync(peer, lane.Key, [.. lane], next, cancellationToken)).ToList();
            var results = await Task.WhenAll(lanes);
            var result = new AppendResult([.. next], results.Sum(r => r.Appended), results.Sum(r => r.Repeated), results.Sum(r => r.Refused));
            Count(peer, result);
            return result;
        }
        catch (Exception)
        {
            source.Next = null; // not known what was appended: the tail tells
            throw;
        }
        finally
        {
            source.Gate.Release();
        }
    }

    // In order, and none without those before it: the tail would hide a hole.
    private async Task<(long Appended, long Repeated, long Refused)> AppendLaneAsync(
        string peer, int partition, List<BridgeFrame> frames, long[] next, CancellationToken cancellationToken)
    {
        var local = new TopicPartition(Topics.BridgedFrom(peer, cells.CellName), partition);
        var entries = new List<LogEntry>(frames.Count);
        long repeated = 0, refused = 0;
        var expected = next[partition];
        foreach (var frame in frames)
        {
            if (frame.Offset > expected && entries.Count == 0) expected = await NextAsync(local, cancellationToken); // another server may have appended since
            if (frame.Offset < expected)
            {
                repeated++;
                continue;
            }
            if (frame.Offset > expected)
            {
                CellMeter.BridgeGaps.Add(1, Tag(peer));
                LogGap(logger, peer, partition, expected, frame.Offset);
            }
            var (key, value) = (frame.Key, frame.Value);
            if (RefusalOf(frame, peer) is { } reason)
            {
                refused++;
                LogRefused(logger, peer, partition, frame.Offset, reason);
                var record = new LogRecord(frame.Offset, frame.AppendTime, frame.Key, frame.Value);
                await DeadLetter.PutAsync(log, BridgeInRole.Group, local, record, $"{peer} may not send it: {reason}", cancellationToken);
                value = default;
                if (key.Length > DeadLetter.MaxKey) key = default;
            }
            entries.Add(new LogEntry(key, BridgedValue.Encode(frame.Offset, value.Span)));
            expected = frame.Offset + 1;
        }
        await log.AppendInOrderAsync(local, entries, cancellationToken);
        next[partition] = expected;
        return (entries.Count - refused, repeated, refused);
    }

    private string? RefusalOf(BridgeFrame frame, string peer)
    {
        if (KeyPartitioner.PartitionFor(frame.Key.Span, topics.Bridge) != frame.Partition) return "its key is of another partition";
        try
        {
            return BridgeAdmission.Refusal(BridgeRecord.Decode(frame.Value), peer, frame.Key.Span, cells, time.GetUtcNow().ToUnixTimeMilliseconds());
        }
        catch (RecordFormatException e)
        {
            return e.Message;
        }
    }

    private async ValueTask<long[]> LoadAsync(string peer, Source source, CancellationToken cancellationToken)
    {
        if (source.Next is { } known) return known;
        if (!source.HasTopic)
        {
            await log.EnsureTopicsAsync([CellTopics.Inbound(topics, peer, cells.CellName)], cancellationToken);
            source.HasTopic = true;
        }
        var next = new long[topics.Bridge];
        await BridgePartitions.ForEachAsync(
            next.Length, async (partition, token) => next[partition] = await NextAsync(new TopicPartition(Topics.BridgedFrom(peer, cells.CellName), partition), token), cancellationToken);
        return source.Next = next;
    }

    private async ValueTask<long> NextAsync(TopicPartition local, CancellationToken cancellationToken)
    {
        var range = await log.GetOffsetsAsync(local, cancellationToken);
        if (range.Next == 0) return 0;
        if (range.Next == range.Oldest)
        {
            // Idle for so long that nothing is retained: the place went along with the last commit.
            var committed = await log.GetCommittedAsync(BridgeInRole.Group, local, cancellationToken);
            return BridgedValue.PlaceFrom(committed?.Metadata) is { } place ? place + 1 : 0;
        }
        var tail = await log.ReadAsync(local, range.Next - 1, 1, TimeSpan.Zero, cancellationToken);
        // A broker that is slow or has lost its place: the bridge is told so, and asks again.
        return tail.Count > 0
            ? BridgedValue.Decode(tail[0].Value).SourceOffset + 1
            : throw new LogUnavailableException($"The log did not give the last record of {local.Topic}[{local.Partition}], which says what came from there.");
    }

    private void Count(string peer, AppendResult result)
    {
        var tag = Tag(peer);
        CellMeter.BridgeAppended.Add(result.Appended, tag);
        CellMeter.BridgeRepeated.Add(result.Repeated, tag);
        CellMeter.BridgeRefused.Add(result.Refused, tag);
        var counts = status.Source(peer);
        counts.AddAppended(result.Appended);
        counts.AddRepeated(result.Repeated);
        counts.AddRefused(result.Refused);
    }

    private static KeyValuePair<string, object?> Tag(string peer) => new("source", peer);

    private sealed class Source
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);

        public long[]? Next { get; set; }

        /// <summary>It was there once: asking again would need the log's controller for each new connection of a bridge.</summary>
        public bool HasTopic { get; set; }
    }

    [LoggerMessage(20, LogLevel.Error, "The bridge from {Peer} jumped from offset {Expected} to {Offset} of partition {Partition}: the records between are not in the source any more.")]
    private static partial void LogGap(ILogger logger, string peer, int partition, long expected, long offset);

    [LoggerMessage(21, LogLevel.Warning, "{Peer} may not send its record {Partition}:{Offset}, which goes to chat.dead: {Reason}")]
    private static partial void LogRefused(ILogger logger, string peer, int partition, long offset, string reason);
}

/// <summary>What became of a batch.</summary>
/// <param name="Next">The source's offsets to be appended next, per partition.</param>
public sealed record AppendResult(long[] Next, long Appended, long Repeated, long Refused);
