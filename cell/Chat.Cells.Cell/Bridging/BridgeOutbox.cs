using System.Collections.Concurrent;
using System.Text;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Bridging;

/// <summary>
/// Appends to <c>chat.bridge.{cell}</c>, by channel, in order within each partition: a failed append can't leave a hole that the other cell would take for the end of
/// what it missed.
/// </summary>
public sealed partial class BridgeOutbox(IMessageLog log, Topics topics, ICellDirectory cells, ILogger logger)
{
    private readonly ConcurrentDictionary<string, bool> ensured = new();

    /// <summary>Completes when all are durable.</summary>
    public async Task AppendAsync(IReadOnlyList<OutboundRecord> records, CancellationToken cancellationToken)
    {
        if (records.Count == 0) return;
        var lanes = new Dictionary<TopicPartition, List<LogEntry>>();
        foreach (var (cell, record) in records)
        {
            if (!await EnsureAsync(cell, cancellationToken)) continue;
            var key = Encoding.UTF8.GetBytes(record.Body.ChannelId);
            var partition = new TopicPartition(Topics.BridgeTo(cell), KeyPartitioner.PartitionFor(key, topics.Bridge));
            if (!lanes.TryGetValue(partition, out var lane)) lanes[partition] = lane = [];
            lane.Add(new LogEntry(key, BridgeRecord.Encode(record)));
        }
        await Task.WhenAll(lanes.Select(lane => log.AppendInOrderAsync(lane.Key, lane.Value, cancellationToken).AsTask()));
    }

    /// <summary>False for a cell that nobody knows and whose topic can't be had: another cell named it, and its name must not stop a partition.</summary>
    private async ValueTask<bool> EnsureAsync(string cell, CancellationToken cancellationToken)
    {
        if (ensured.ContainsKey(cell)) return true;
        try
        {
            await log.EnsureTopicsAsync([CellTopics.Outbound(topics, cell)], cancellationToken);
        }
        catch (LogException e) when (e is not (LogUnavailableException or LogFullException) && !cells.TryGetNumber(cell, out _))
        {
            LogNoTopic(cell, e.Message);
            return false;
        }
        ensured.TryAdd(cell, true);
        return true;
    }

    [LoggerMessage(35, LogLevel.Error, "Records for the cell {Cell}, which is not in the cell map, are left out: {Reason}")]
    private partial void LogNoTopic(string cell, string reason);
}
