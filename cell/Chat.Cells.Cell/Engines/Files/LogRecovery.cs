using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>
/// Reads all segments at start: rebuilds the catalog and the partitions, cuts what a crash tore off the end, and refuses to start on anything else that is wrong.
/// </summary>
internal sealed partial class LogRecovery(
    ILogFiles files,
    SegmentLogOptions options,
    TimeProvider time,
    ILogger logger,
    LogCatalog catalog,
    SegmentSet segments,
    RecentRecords recent)
{
    private byte[] buffer = new byte[4 * 1024 * 1024];
    private long bytesAfterSegment;

    /// <exception cref="LogException">The log is damaged.</exception>
    public void Run()
    {
        var names = files.List();
        var numbers = names.Select(Segment.NumberOf).OfType<long>().Order().ToList();
        for (var i = 1; i < numbers.Count; i++)
        {
            if (numbers[i] != numbers[i - 1] + 1)
            {
                throw Damaged(Segment.NameOf(numbers[i - 1] + 1), 0, "the file is missing");
            }
        }
        var found = numbers.ConvertAll(number => new Segment(number, files.Open(Segment.NameOf(number))));
        try
        {
            bytesAfterSegment = found.Sum(segment => segment.File.Length);
            for (var i = 0; i < found.Count; i++) Scan(found[i], isLast: i == found.Count - 1);
        }
        catch (LogException)
        {
            foreach (var segment in found) segment.File.Dispose();
            throw;
        }
        foreach (var topic in catalog.Topics)
        {
            foreach (var partition in topic.Partitions) partition.ResetPending();
        }
        if (segments.Count == 0) segments.Begin(files, catalog, time);
    }

    private void Scan(Segment segment, bool isLast)
    {
        var fileLength = segment.File.Length;
        bytesAfterSegment -= fileLength;
        if (fileLength > int.MaxValue) throw Damaged(segment.Name, 0, "the file is too large to be a segment");
        var header = new byte[Segment.HeaderBytes];
        var position = 0L;
        if (segment.File.Read(0, header) == Segment.HeaderBytes && header.AsSpan().SequenceEqual(Segment.Header(segment.Number)))
        {
            position = Segment.HeaderBytes;
            while (ReadFrame(segment, position, fileLength) is { } frame)
            {
                Apply(segment, position, frame, fileLength);
                position += frame.Length;
            }
        }
        if (position < fileLength || position <= Segment.HeaderBytes) CutTail(segment, position, fileLength, isLast);
        if (position <= Segment.HeaderBytes) return;
        segment.Length = (int)position;
        segments.Add(segment);
    }

    private void CutTail(Segment segment, long position, long fileLength, bool isLast)
    {
        if (!isLast) throw Damaged(segment.Name, position, "a record is bad, and it isn't at the log's end where a crash may tear one");
        if (FindLaterDurable(segment, position, fileLength) is { } proof)
        {
            throw Damaged(segment.Name, position, $"a record is bad although it was durable, as the one at byte {proof} says");
        }
        if (position <= Segment.HeaderBytes)
        {
            LogTornSegment(segment.Name, fileLength, files.Location);
            segment.File.Dispose();
            files.Delete(segment.Name);
            files.Flush();
            return;
        }
        LogTornTail(segment.Name, fileLength - position, position, files.Location);
        segment.File.Truncate(position);
        segment.File.Flush();
    }

    /// <summary>A good frame behind a bad one that was written when the bad one was durable already: then no crash tore it.</summary>
    private long? FindLaterDurable(Segment segment, long bad, long fileLength)
    {
        var tail = new byte[fileLength - bad];
        var read = segment.File.Read(bad, tail);
        for (var at = 1; at <= read - RecordFrame.HeaderBytes; at++)
        {
            var frame = tail.AsSpan(at, read - at);
            var durable = RecordFrame.DurableOf(frame);
            if (durable <= bad || durable > bad + at) continue;
            var length = RecordFrame.LengthOf(frame, options.MaxRecordBytes);
            if (length > 0 && length <= frame.Length && RecordFrame.IsIntact(frame[..length])) return bad + at;
        }
        return null;
    }

    private Span<byte> ReadAt(Segment segment, long position, int length)
    {
        if (buffer.Length < length) buffer = new byte[length];
        if (segment != window.Segment || position < window.Start || position + length > window.End)
        {
            var read = segment.File.Read(position, buffer);
            window = (segment, position, position + read);
        }
        var available = (int)Math.Min(length, Math.Max(0, window.End - position));
        return buffer.AsSpan((int)(position - window.Start), available);
    }

    private (Segment? Segment, long Start, long End) window;

    /// <summary>The frame at a position; null when there is no good one.</summary>
    private byte[]? ReadFrame(Segment segment, long position, long fileLength)
    {
        if (position + RecordFrame.HeaderBytes > fileLength) return null;
        var length = RecordFrame.LengthOf(ReadAt(segment, position, RecordFrame.HeaderBytes), options.MaxRecordBytes);
        if (length < 0 || position + length > fileLength) return null;
        var frame = ReadAt(segment, position, length);
        return frame.Length == length && RecordFrame.IsIntact(frame) ? frame.ToArray() : null;
    }

    private void Apply(Segment segment, long position, byte[] frame, long fileLength)
    {
        var first = segments.Count == 0 && position == Segment.HeaderBytes;
        var kind = RecordFrame.KindOf(frame);
        if (position == Segment.HeaderBytes != (kind == FrameKind.Checkpoint)) throw Damaged(segment.Name, position, "a checkpoint stands at the head of each segment, and only there");
        try
        {
            switch (kind)
            {
                case FrameKind.Checkpoint:
                    if (catalog.ApplyCheckpoint(frame.AsMemory(RecordFrame.HeaderBytes), first) is { } disagreement) throw Damaged(segment.Name, position, disagreement);
                    break;
                case FrameKind.Commit:
                    catalog.ApplyCommit(frame.AsMemory(RecordFrame.HeaderBytes));
                    break;
                case FrameKind.Topic:
                    catalog.ApplyTopic(frame.AsMemory(RecordFrame.HeaderBytes));
                    break;
                default:
                    ApplyRecord(segment, position, frame, fileLength);
                    break;
            }
        }
        catch (RecordFormatException e)
        {
            throw Damaged(segment.Name, position, e.Message);
        }
    }

    private void ApplyRecord(Segment segment, long position, byte[] frame, long fileLength)
    {
        var partition = catalog.Partition(RecordFrame.TopicIdOf(frame), RecordFrame.PartitionOf(frame))
            ?? throw Damaged(segment.Name, position, "a record's topic or partition was never created");
        var offset = RecordFrame.OffsetOf(frame);
        var expected = partition.Offsets.Next;
        if (offset != expected) throw Damaged(segment.Name, position, $"{partition.Name.Topic}[{partition.Name.Partition}] goes on with offset {offset} instead of {expected}");
        var appendTime = RecordFrame.TimeOf(frame);
        var keep = fileLength - position + bytesAfterSegment <= options.CacheBytes;
        partition.Publish(offset, appendTime, new FramePlace(segment.Number, (int)position), keep ? frame : null);
        if (keep) recent.Added(partition, frame.Length);
        segment.Last[partition] = (offset, appendTime);
    }

    private LogException Damaged(string name, long position, string what) =>
        new($"The log is damaged: {Path.Combine(files.Location, name)} at byte {position}: {what}. Nothing was changed. Restore the file from a copy of the disk.");

    [LoggerMessage(11, LogLevel.Warning, "Cut {Bytes} bytes off {Name} at byte {Position} in {Location}: a crash tore the last, never acknowledged, append.")]
    private partial void LogTornTail(string name, long bytes, long position, string location);

    [LoggerMessage(12, LogLevel.Warning, "Removed {Name} ({Bytes} bytes) from {Location}: a crash interrupted its creation.")]
    private partial void LogTornSegment(string name, long bytes, string location);
}
