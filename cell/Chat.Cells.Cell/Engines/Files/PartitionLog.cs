using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>Where a frame starts.</summary>
internal readonly record struct FramePlace(long Segment, int Position);

/// <summary>One entry of a partition's sparse index.</summary>
internal readonly record struct IndexEntry(long Offset, FramePlace Place);

/// <summary>
/// What is known of one partition in memory: its offsets, a sparse index into the segments, its recent records, and who waits for the next one.
/// Only the writer (or recovery) changes it; anybody reads.
/// </summary>
internal sealed class PartitionLog(TopicPartition name, ushort topicId)
{
    /// <summary>The bytes of a segment that one index entry stands for.</summary>
    public const int IndexInterval = 128 * 1024;

    private readonly Lock gate = new();
    private readonly List<IndexEntry> index = [];
    private ReadOnlyMemory<byte>[] recent = new ReadOnlyMemory<byte>[16]; // whole frames
    private int recentHead;
    private int recentCount;
    private long oldest;
    private long next;
    private TaskCompletionSource appended = NewSignal();

    public TopicPartition Name => name;
    public ushort TopicId => topicId;

    /// <summary>The last append time. Written by the writer only.</summary>
    public long LastTime { get; private set; }

    /// <summary>The writer's own view while a batch is being written: what the next record will get.</summary>
    public long PendingNext { get; set; }

    public long PendingTime { get; set; }

    public OffsetRange Offsets
    {
        get
        {
            lock (gate) return new OffsetRange(oldest, next);
        }
    }

    /// <summary>Sets where the partition starts, from a checkpoint.</summary>
    public void Restore(long offset, long lastTime)
    {
        lock (gate)
        {
            oldest = next = offset;
            LastTime = lastTime;
        }
        ResetPending();
    }

    public void ResetPending()
    {
        PendingNext = next;
        PendingTime = LastTime;
    }

    /// <summary>Adds a durable record.</summary>
    /// <param name="frame">Its frame, which is never changed again; empty when it is not to be kept as recent.</param>
    public void Publish(long offset, long appendTime, FramePlace place, ReadOnlyMemory<byte> frame)
    {
        lock (gate)
        {
            if (index.Count == 0 || index[^1].Place.Segment != place.Segment || place.Position - index[^1].Place.Position >= IndexInterval)
            {
                index.Add(new IndexEntry(offset, place));
            }
            if (!frame.IsEmpty)
            {
                if (recentCount == recent.Length) GrowRecent();
                recent[(recentHead + recentCount) & (recent.Length - 1)] = frame;
                recentCount++;
            }
            next = offset + 1;
            LastTime = appendTime;
        }
    }

    /// <summary>Wakes those who wait for records.</summary>
    public void Signal()
    {
        TaskCompletionSource signal;
        lock (gate)
        {
            signal = appended;
            appended = NewSignal();
        }
        signal.SetResult();
    }

    /// <summary>Completes at once when there is a record at <paramref name="offset"/>, else with the next signal.</summary>
    /// <remarks>That signal may be of a record that was published, and seen, before this wait began: whoever is woken looks again.</remarks>
    public Task WhenAppended(long offset)
    {
        lock (gate) return next > offset ? Task.CompletedTask : appended.Task;
    }

    /// <summary>Drops the oldest recent record.</summary>
    public void DropRecent()
    {
        lock (gate)
        {
            recent[recentHead] = default;
            recentHead = (recentHead + 1) & (recent.Length - 1);
            recentCount--;
        }
    }

    /// <summary>Records from an offset on when they are in memory; null when not.</summary>
    public LogRecord[]? ReadRecent(long offset, int maxRecords, int maxBytes)
    {
        lock (gate)
        {
            var skip = offset - (next - recentCount);
            if (skip < 0 || skip >= recentCount) return null;
            var most = (int)Math.Min(recentCount - skip, maxRecords);
            var count = 0;
            for (var bytes = 0L; count < most && bytes < maxBytes; count++)
            {
                bytes += recent[(recentHead + (int)skip + count) & (recent.Length - 1)].Length - RecordFrame.HeaderBytes;
            }
            var records = new LogRecord[count];
            for (var i = 0; i < count; i++) records[i] = RecordFrame.ToRecord(recent[(recentHead + (int)skip + i) & (recent.Length - 1)]);
            return records;
        }
    }

    /// <summary>The index entry at or below an offset.</summary>
    public IndexEntry? FindEntry(long offset)
    {
        lock (gate)
        {
            var low = 0;
            var high = index.Count - 1;
            while (low <= high)
            {
                var middle = (low + high) / 2;
                if (index[middle].Offset <= offset) low = middle + 1;
                else high = middle - 1;
            }
            return high < 0 ? null : index[high];
        }
    }

    /// <summary>Forgets what lay in segments below one.</summary>
    public void DropBefore(long segment, long newOldest)
    {
        lock (gate)
        {
            index.RemoveAll(entry => entry.Place.Segment < segment);
            oldest = Math.Max(oldest, newOldest);
        }
    }

    private void GrowRecent()
    {
        var grown = new ReadOnlyMemory<byte>[recent.Length * 2];
        for (var i = 0; i < recentCount; i++) grown[i] = recent[(recentHead + i) & (recent.Length - 1)];
        recent = grown;
        recentHead = 0;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
