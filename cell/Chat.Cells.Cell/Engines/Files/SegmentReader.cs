using System.Buffers;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>Reads records that are no longer in memory: from index entry to index entry, skipping other partitions' frames.</summary>
internal sealed class SegmentReader(SegmentSet segments, SegmentLogOptions options, string location)
{
    /// <summary>Records from an offset on, which must be retained and below the next one. At least one, unless its segment was deleted just now.</summary>
    /// <exception cref="LogException">A record is damaged.</exception>
    public List<LogRecord> Read(PartitionLog partition, long fromOffset, int maxRecords, int maxBytes)
    {
        var records = new List<LogRecord>();
        var limit = partition.Offsets.Next;
        var bytes = 0;
        var window = ArrayPool<byte>.Shared.Rent(PartitionLog.IndexInterval + 64 * 1024);
        try
        {
            while (records.Count < maxRecords && bytes < maxBytes && fromOffset + records.Count < limit)
            {
                var wanted = fromOffset + records.Count;
                if (partition.FindEntry(wanted) is not { } entry || segments.Find(entry.Place.Segment) is not { } segment) break;
                var before = records.Count;
                ReadInterval(partition, segment, entry.Place.Position, wanted, maxRecords, maxBytes, window, records, ref bytes);
                if (records.Count == before) break;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
        return records;
    }

    private void ReadInterval(
        PartitionLog partition, Segment segment, int start, long wanted, int maxRecords, int maxBytes, byte[] window, List<LogRecord> records, ref int bytes)
    {
        var end = segment.Length;
        var filled = segment.File.Read(start, window.AsSpan(0, Math.Min(window.Length, end - start)));
        for (var at = 0; at < PartitionLog.IndexInterval && at + RecordFrame.HeaderBytes <= filled && records.Count < maxRecords && bytes < maxBytes;)
        {
            var header = window.AsSpan(at, RecordFrame.HeaderBytes);
            var length = RecordFrame.LengthOf(header, options.MaxRecordBytes);
            if (length < 0 || start + at + length > end) throw Damaged(segment, start + at);
            if (RecordFrame.KindOf(header) == FrameKind.Record
                && RecordFrame.TopicIdOf(header) == partition.TopicId
                && RecordFrame.PartitionOf(header) == partition.Name.Partition
                && RecordFrame.OffsetOf(header) >= wanted)
            {
                var frame = new byte[length];
                if (at + length <= filled) window.AsSpan(at, length).CopyTo(frame);
                else if (segment.File.Read(start + at, frame) < length) throw Damaged(segment, start + at);
                if (!RecordFrame.IsIntact(frame)) throw Damaged(segment, start + at);
                records.Add(RecordFrame.ToRecord(frame));
                bytes += length;
            }
            at += length;
        }
    }

    private LogException Damaged(Segment segment, int position) =>
        new($"The log is damaged: {Path.Combine(location, segment.Name)} at byte {position}: a record is bad that was good before. Check the disk.");
}
