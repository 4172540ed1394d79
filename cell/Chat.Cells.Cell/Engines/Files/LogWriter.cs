using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>A frame that waits to be written. Completes when it is durable.</summary>
internal sealed class PendingFrame(PartitionLog? partition, byte[] bytes) : TaskCompletionSource<LogPosition>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public PartitionLog? Partition => partition;
    public byte[] Bytes => bytes;

    /// <summary>The topic that comes into being with this frame.</summary>
    public LogTopic? Topic { get; init; }

    public long Offset { get; set; }
    public long AppendTime { get; set; }
    public int Position { get; set; }
}

/// <summary>
/// The one thread that writes. It takes all frames that wait, writes them, makes them durable with one fsync, and completes them: group commit. Whoever comes
/// meanwhile waits for the next round, so the rounds grow with the load and the disk's flush rate does not bound the append rate.
/// </summary>
internal sealed partial class LogWriter
{
    private readonly object gate = new();
    private readonly ILogFiles files;
    private readonly SegmentLogOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly LogCatalog catalog;
    private readonly SegmentSet segments;
    private readonly RecentRecords recent;
    private readonly Func<TopicPartition, bool> isUncommitted;
    private readonly byte[] buffer = new byte[1024 * 1024];
    private readonly KeptBytes kept = new();
    private readonly TaskCompletionSource stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<PartitionLog> touched = [];
    private List<PendingFrame> waiting = [];
    private List<PendingFrame> writing = [];
    private long waitingBytes;
    private long refusedForRoom;
    private bool diskFull;
    private bool retentionDue;
    private bool closing;
    private bool triedLast;
    private volatile Exception? failure;

    /// <param name="isUncommitted">True when a group consumes the partition but has committed nothing yet.</param>
    public LogWriter(
        ILogFiles files,
        SegmentLogOptions options,
        TimeProvider time,
        ILogger logger,
        LogCatalog catalog,
        SegmentSet segments,
        RecentRecords recent,
        Func<TopicPartition, bool> isUncommitted)
    {
        this.files = files;
        this.options = options;
        this.time = time;
        this.logger = logger;
        this.catalog = catalog;
        this.segments = segments;
        this.recent = recent;
        this.isUncommitted = isUncommitted;
    }

    public void Start() => new Thread(Run) { Name = "segment log writer", IsBackground = true }.Start();

    /// <summary>Takes a frame. Frames are written in the order of these calls.</summary>
    public Task<LogPosition> Enqueue(PendingFrame frame)
    {
        Enqueue([frame]);
        return frame.Task;
    }

    /// <summary>Takes frames that are written in one round, in this order.</summary>
    public void Enqueue(ReadOnlySpan<PendingFrame> frames)
    {
        lock (gate)
        {
            if (failure is { } error) throw Unavailable(error);
            if (closing) throw new LogUnavailableException($"The log in {files.Location} is closed.");
            if (waitingBytes >= options.MaxWaitingBytes)
            {
                throw new LogFullException($"{waitingBytes >> 20} MB wait to be written to {files.Location}: the disk is slower than the appends; try again later.");
            }
            if (waiting.Count == 0) Monitor.Pulse(gate);
            foreach (var frame in frames)
            {
                waiting.Add(frame);
                waitingBytes += frame.Bytes.Length;
            }
        }
    }

    /// <summary>There are commits to be written.</summary>
    public void CommitsWait()
    {
        lock (gate) Monitor.Pulse(gate);
    }

    /// <summary>Asks for a look at the segments' retention.</summary>
    public void CheckRetention()
    {
        lock (gate)
        {
            retentionDue = true;
            Monitor.Pulse(gate);
        }
    }

    /// <summary>Writes what waits and ends the thread.</summary>
    public Task StopAsync()
    {
        lock (gate)
        {
            closing = true;
            Monitor.Pulse(gate);
        }
        return stopped.Task;
    }

    private void Run()
    {
        try
        {
            while (TakeWork())
            {
                if (retentionDue) ApplyRetention();
                WriteRound();
            }
            stopped.SetResult();
        }
        catch (Exception e)
        {
            // Nothing is expected to come here; if it does, nobody may wait for ever.
            Fail(e);
            RefuseWaiting(Unavailable(e));
            stopped.SetResult();
        }
    }

    /// <summary>Waits for work and takes it; false when the log is closed and nothing is left.</summary>
    private bool TakeWork()
    {
        lock (gate)
        {
            var deadline = long.MaxValue;
            while (waiting.Count == 0 && !retentionDue)
            {
                var dirty = failure is null && catalog.HasUnwrittenCommits;
                if (closing)
                {
                    // One last try for the commits.
                    var last = dirty && !triedLast;
                    triedLast = true;
                    return last;
                }
                if (!dirty)
                {
                    Monitor.Wait(gate);
                    continue;
                }
                var now = Environment.TickCount64;
                if (deadline == long.MaxValue) deadline = now + (long)options.CommitDelay.TotalMilliseconds;
                if (now >= deadline) return true;
                Monitor.Wait(gate, (int)(deadline - now));
            }
            (waiting, writing) = (writing, waiting);
            waitingBytes = 0;
            return true;
        }
    }

    private void WriteRound()
    {
        try
        {
            if (failure is { } error)
            {
                Refuse(Unavailable(error));
                return;
            }
            if (segments.Active.Length >= options.SegmentBytes) Roll();
            Write();
        }
        catch (Exception e)
        {
            // Whatever it was: what is on the disk isn't known any more.
            Fail(e);
            Refuse(Unavailable(e));
        }
        finally
        {
            writing.Clear();
        }
    }

    private void Write()
    {
        var segment = segments.Active;
        var start = segment.Length;
        var commitFrames = new List<byte[]>();
        var commits = catalog.TakeCommits(commitFrames);
        if (commits.Count == 0 && writing.Count == 0) return;
        int end;
        try
        {
            end = WriteFrames(segment, start, commitFrames);
        }
        catch (IOException e) when (DiskErrors.IsFull(e))
        {
            // Certainly nothing of this round counts: it is cut off again before anybody is told.
            segment.File.Truncate(start);
            segment.File.Flush();
            catalog.ReturnCommits(commits);
            foreach (var frame in writing) frame.Partition?.ResetPending();
            // Said once, and once more when it is over: a full disk must not fill up with this.
            if (!diskFull) LogDiskFull(files.Location, e.Message);
            refusedForRoom += writing.Count;
            diskFull = true;
            Refuse(new LogFullException($"No space left in {files.Location}: nothing was appended. Free some space; appends go on by themselves.", e));
            if (writing.Count == 0) PauseCommits();
            return;
        }
        segment.File.Flush();
        if (diskFull) LogRoomAgain(files.Location, refusedForRoom);
        (diskFull, refusedForRoom) = (false, 0);
        Complete(segment, end);
    }

    private int WriteFrames(Segment segment, int start, List<byte[]> commitFrames)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var position = start;
        var filled = 0;
        foreach (var frame in writing)
        {
            if (frame.Partition is { } partition)
            {
                frame.Offset = partition.PendingNext++;
                frame.AppendTime = partition.PendingTime = Math.Max(partition.PendingTime, now);
            }
            frame.Position = position + filled;
            RecordFrame.Seal(frame.Bytes, start, frame.Offset, frame.AppendTime);
            Add(frame.Bytes);
        }
        foreach (var bytes in commitFrames)
        {
            RecordFrame.Seal(bytes, start, 0, now);
            Add(bytes);
        }
        Drain();
        return position;

        void Add(byte[] bytes)
        {
            if (bytes.Length > buffer.Length - filled) Drain();
            if (bytes.Length > buffer.Length)
            {
                segment.File.Write(position, bytes);
                position += bytes.Length;
                return;
            }
            bytes.CopyTo(buffer, filled);
            filled += bytes.Length;
        }

        void Drain()
        {
            if (filled == 0) return;
            segment.File.Write(position, buffer.AsSpan(0, filled));
            position += filled;
            filled = 0;
        }
    }

    private void Complete(Segment segment, int end)
    {
        segment.Length = end;
        foreach (var frame in writing)
        {
            if (frame.Topic is { } topic) catalog.Add(topic);
            if (frame.Partition is not { } partition) continue;
            partition.Publish(frame.Offset, frame.AppendTime, new FramePlace(segment.Number, frame.Position), kept.Add(frame.Bytes));
            recent.Added(partition, frame.Bytes.Length);
            segment.Last[partition] = (frame.Offset, frame.AppendTime);
            touched.Add(partition);
        }
        foreach (var partition in touched) partition.Signal();
        touched.Clear();
        foreach (var frame in writing) frame.SetResult(new LogPosition(frame.Offset, frame.AppendTime));
    }

    /// <summary>Begins a new segment. Without room for it the old one goes on.</summary>
    private void Roll()
    {
        try
        {
            segments.Begin(files, catalog, time);
        }
        catch (IOException e) when (DiskErrors.IsFull(e))
        {
            files.Delete(Segment.NameOf(segments.Active.Number + 1));
            files.Flush();
        }
    }

    private void ApplyRetention()
    {
        lock (gate) retentionDue = false;
        if (failure is not null) return;
        try
        {
            while (segments.Oldest is { } oldest && oldest != segments.Active && IsPastRetention(oldest))
            {
                files.Delete(oldest.Name);
                files.Flush();
                segments.RemoveOldest();
                foreach (var (partition, last) in oldest.Last) partition.DropBefore(oldest.Number + 1, last.Offset + 1);
                LogSegmentDeleted(oldest.Name, oldest.Length);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogRetentionFailed(e, files.Location);
        }
    }

    private bool IsPastRetention(Segment segment)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var (partition, last) in segment.Last)
        {
            var retention = catalog.FindTopic(partition.Name.Topic)?.Spec.Retention ?? TimeSpan.Zero;
            if (now - last.Time <= retention.TotalMilliseconds) return false;
            if (catalog.LowestCommit(partition.Name) <= last.Offset || isUncommitted(partition.Name)) return false;
        }
        return true;
    }

    /// <summary>Keeps a full disk from turning lazy commits into a busy loop.</summary>
    private void PauseCommits()
    {
        lock (gate)
        {
            if (!closing && waiting.Count == 0) Monitor.Wait(gate, TimeSpan.FromSeconds(1));
        }
    }

    private void Fail(Exception error)
    {
        if (failure is not null) return;
        failure = error;
        LogFailed(error, files.Location);
    }

    private LogUnavailableException Unavailable(Exception error) =>
        new($"The disk under {files.Location} failed ({error.Message}): whether the last appends are there is found out at the next start. Restart the cell.", error);

    private void Refuse(LogException error)
    {
        foreach (var frame in writing) frame.TrySetException(error);
    }

    private void RefuseWaiting(LogException error)
    {
        lock (gate)
        {
            foreach (var frame in waiting) frame.TrySetException(error);
            waiting.Clear();
        }
    }

    [LoggerMessage(1, LogLevel.Critical, "The log in {Location} refuses appends until the next start: writing failed.")]
    private partial void LogFailed(Exception error, string location);

    [LoggerMessage(2, LogLevel.Error, "No space left in {Location}: appends are refused until there is some ({Reason}).")]
    private partial void LogDiskFull(string location, string reason);

    [LoggerMessage(5, LogLevel.Information, "There is space again in {Location}: appends go on after {Count} were refused.")]
    private partial void LogRoomAgain(string location, long count);

    [LoggerMessage(3, LogLevel.Information, "Segment {Name} ({Bytes} bytes) is past its retention: deleted.")]
    private partial void LogSegmentDeleted(string name, int bytes);

    [LoggerMessage(4, LogLevel.Warning, "Old segments in {Location} could not be deleted; tried again later.")]
    private partial void LogRetentionFailed(Exception error, string location);
}
