using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Inbox;

/// <summary>
/// Tells the two reasons why the record before an inbox record was not seen. Either its append failed: then the producer has not committed, and appends both again; delivering the
/// second now would make the first, when it comes, look like one that was delivered. Or it was appended, and can't be had: it is unreadable without even a place
/// (<see cref="InboxRecord.FindPlace"/>), retention took it before it was read, or the partition lost it. Then the producer is done, nothing comes again, and what follows must be
/// delivered now or never.
/// <para>
/// The log itself tells: a producer's appends keep their order, so what was appended before lies below, behind the source's last record. It was lost only if something is missing
/// there: an unreadable record, or records that the log doesn't have. If all that lies between can be read, it was never appended. And when the source's last record there was
/// itself dropped (it lies above the mark), all from that one on comes again.
/// </para>
/// <para>
/// Nothing is remembered, so that a worker which starts behind the missing record decides as one that saw it, and two at once decide alike: it is a function of the marks and of the log
/// below. (Retention moves on, but its edge counts only for records appended shortly after it: those that delivery reaches so late that neither of two workers can have been ahead.)
/// What it can't tell is a failed append of which the source's last record before is just the lost one: that takes both faults in one source within minutes. Records that are
/// far apart were not appended together, so that their distance is bounded, in records and in time.
/// </para>
/// </summary>
internal sealed class LostPredecessor(IMessageLog log, TopicPartition partition)
{
    /// <summary>How far below a record is looked: appends of one batch of a producer follow each other closely, even with those of all others between them.</summary>
    private const int Window = 4_096;

    private const int ReadAtOnce = 1_024;

    /// <summary>Ms by the log's clock. A producer hands over a batch at once; brokers that were away for a while may take its end later.</summary>
    private const long LongestChain = 600_000;

    // By source, the last one that was dropped: what follows it is dropped too, and needs no look.
    private readonly Dictionary<long, (long SourceOffset, long Offset)> dropped = [];

    /// <summary>True when a record's predecessor was lost: it must be delivered without it. False when both come again.</summary>
    /// <param name="record">The record, as it was read.</param>
    /// <param name="place">Its place, whose previous one is above the mark.</param>
    /// <param name="mark">Its source's.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="LogException">The log can't be read: nothing is known.</exception>
    public async ValueTask<bool> IsBeforeAsync(LogRecord record, InboxPlace place, long mark, CancellationToken cancellationToken)
    {
        var isLost = !FollowsDropped(record.Offset, place, mark) && await LookAsync(record, place, mark, cancellationToken);
        if (isLost) dropped.Remove(place.Source);
        else dropped[place.Source] = (place.SourceOffset, record.Offset);
        return isLost;
    }

    private bool FollowsDropped(long offset, InboxPlace place, long mark) =>
        dropped.TryGetValue(place.Source, out var last) && last.SourceOffset == place.Previous && last.SourceOffset > mark && offset - last.Offset <= Window;

    private async ValueTask<bool> LookAsync(LogRecord record, InboxPlace place, long mark, CancellationToken cancellationToken)
    {
        var from = record.Offset - Math.Min(LogOffset.OwnOf(record.Offset), Window);
        var oldest = LogOffset.OwnOf((await log.GetOffsetsAsync(partition, cancellationToken)).Oldest);
        var isMissing = oldest > LogOffset.OwnOf(from);
        if (isMissing) from += oldest - LogOffset.OwnOf(from);
        var below = new Below(place.Source, from, isMissing);
        while (below.Next < LogOffset.OwnOf(record.Offset))
        {
            var records = await log.ReadAsync(partition, from, ReadAtOnce, TimeSpan.Zero, cancellationToken);
            if (records.Count == 0) throw new LogUnavailableException($"{partition.Topic}[{partition.Partition}] can't be read from {from} on, below a record that was read.");
            foreach (var candidate in records)
            {
                if (candidate.Offset >= record.Offset) break;
                below.Add(candidate);
            }
            from = records[^1].Offset + 1;
            if (records[^1].Offset >= record.Offset) break;
        }
        below.End(record);
        return (below.Last ?? -1) <= mark && below.LostAt is { } time && record.AppendTime - time <= LongestChain;
    }

    /// <summary>What lies below a record, from the bottom up.</summary>
    /// <param name="source">Whose record it is.</param>
    /// <param name="from">Where the look begins.</param>
    /// <param name="isMissing">The log has no more what was below that.</param>
    private sealed class Below(long source, long from, bool isMissing)
    {
        private int generation = -1;
        private bool isCutOff = isMissing;

        /// <summary>The server's own offset of the record that has to come next.</summary>
        public long Next { get; private set; } = LogOffset.OwnOf(from);

        /// <summary>The source's last record; null when there was none.</summary>
        public long? Last { get; private set; }

        /// <summary>When at the latest a record was appended that is missing or can't be read, behind the source's last one. Null when none is.</summary>
        public long? LostAt { get; private set; }

        public void Add(LogRecord record)
        {
            End(record);
            if (InboxRecord.FindPlace(record.Value) is not { } place)
            {
                LostAt = record.AppendTime;
            }
            else if (place.Source == source)
            {
                Last = place.SourceOffset;
                LostAt = null;
            }
        }

        /// <summary>Is anything missing right below a record?</summary>
        public void End(LogRecord record)
        {
            var own = LogOffset.OwnOf(record.Offset);
            // A partition that lost its end goes on with the next offset, in another generation.
            if (isCutOff || own != Next || (generation >= 0 && generation != LogOffset.GenerationOf(record.Offset))) LostAt = record.AppendTime;
            isCutOff = false;
            generation = LogOffset.GenerationOf(record.Offset);
            Next = own + 1;
        }
    }
}
