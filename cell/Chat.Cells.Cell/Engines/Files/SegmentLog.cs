using System.Text;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>
/// The embedded <see cref="IMessageLog"/>: one sequence of segment files for all topics and partitions of a process, so that one fsync makes a whole group of
/// appends durable whatever partitions they belong to. Every frame has a CRC; what a crash tore is cut off at start and said so. One process per folder.
/// </summary>
/// <remarks>
/// A failed write or fsync is fatal: nothing may be assumed of the file any more, so the log refuses further appends with <see cref="LogUnavailableException"/> until
/// it is opened again. A full disk is not: appends are refused with <see cref="LogFullException"/> as long as it lasts. Reads go on in both cases.
/// </remarks>
public sealed partial class SegmentLog : IMessageLog, IDurabilitySource
{
    private const int MaxMetadataBytes = 4096;

    private readonly SegmentLogOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly IDisposable folderLock;
    private readonly LogCatalog catalog;
    private readonly SegmentSet segments;
    private readonly SegmentReader reader;
    private readonly LogWriter writer;
    private readonly Lock groupsGate = new();
    private readonly Dictionary<string, ConsumerGroup> groups = new(StringComparer.Ordinal);
    private readonly List<Task> members = [];
    private readonly SemaphoreSlim topicsGate = new(1, 1);
    private readonly CancellationTokenSource closing = new();
    private ITimer? retentionTimer;
    private int disposed;

    private SegmentLog(ILogFiles files, IDisposable folderLock, SegmentLogOptions options, TimeProvider time, ILogger logger)
    {
        this.options = options;
        this.time = time;
        this.logger = logger;
        this.folderLock = folderLock;
        catalog = new LogCatalog();
        segments = new SegmentSet();
        reader = new SegmentReader(segments, options, files.Location);
        var recent = new RecentRecords(options.CacheBytes);
        new LogRecovery(files, options, time, logger, catalog, segments, recent).Run();
        writer = new LogWriter(files, options, time, logger, catalog, segments, recent, IsConsumedUncommitted);
    }

    /// <summary>There is no setting for less.</summary>
    public Task<EngineDurability> ReadDurabilityAsync(CancellationToken cancellationToken) =>
        Task.FromResult(new EngineDurability("segment-files", true, "fsync before each group of appends is acked, one copy on one disk"));

    /// <summary>Opens the log in a folder, which is created when missing.</summary>
    /// <exception cref="LogException">Another process has the folder, or the log is damaged.</exception>
    public static ValueTask<SegmentLog> OpenAsync(string folder, SegmentLogOptions options, TimeProvider time, ILogger<SegmentLog> logger, CancellationToken cancellationToken) =>
        OpenAsync(new DiskLogFiles(folder), options, time, logger, cancellationToken);

    /// <summary>Opens the log on any file layer.</summary>
    /// <exception cref="LogException">Another process has the folder, or the log is damaged.</exception>
    public static async ValueTask<SegmentLog> OpenAsync(ILogFiles files, SegmentLogOptions options, TimeProvider time, ILogger<SegmentLog> logger, CancellationToken cancellationToken)
    {
        // Recovery reads everything: not on the caller's thread.
        return await Task.Run(() => Open(files, options, time, logger), cancellationToken);
    }

    private static SegmentLog Open(ILogFiles files, SegmentLogOptions options, TimeProvider time, ILogger logger)
    {
        IDisposable taken;
        try
        {
            taken = files.Lock();
        }
        catch (IOException e)
        {
            throw new LogException($"The log in {files.Location} can't be opened: another process has it ({e.Message}). Stop that one, or choose another data folder.", e);
        }
        try
        {
            var log = new SegmentLog(files, taken, options, time, logger);
            log.writer.Start();
            log.retentionTimer = time.CreateTimer(static state => ((SegmentLog)state!).writer.CheckRetention(), log, options.RetentionInterval, options.RetentionInterval);
            log.LogOpened(files.Location, log.segments.Count, log.catalog.Topics.Count);
            return log;
        }
        catch (IOException e)
        {
            taken.Dispose();
            throw new LogException($"The log in {files.Location} can't be opened: {e.Message}", e);
        }
        catch (LogException)
        {
            taken.Dispose();
            throw;
        }
    }

    public async ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> topics, CancellationToken cancellationToken)
    {
        await topicsGate.WaitAsync(cancellationToken);
        try
        {
            foreach (var spec in topics) CheckTopic(spec);
            foreach (var spec in topics)
            {
                if (catalog.FindTopic(spec.Name) is not { } known)
                {
                    var topic = new LogTopic(catalog.NextTopicId(), spec);
                    await writer.Enqueue(new PendingFrame(null, LogCatalog.EncodeTopic(topic)) { Topic = topic });
                }
                else if (known.Spec.Retention != spec.Retention)
                {
                    known.Spec = spec;
                    await writer.Enqueue(new PendingFrame(null, LogCatalog.EncodeTopic(known)));
                }
            }
        }
        finally
        {
            topicsGate.Release();
        }
    }

    public int PartitionCount(string topic) =>
        catalog.FindTopic(topic)?.Partitions.Length ?? throw new LogException($"There is no topic {topic}: create it first.");

    public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<LogPosition>(writer.Enqueue(Frame(catalog.Partition(partition), partition, key, value)));
    }

    /// <summary>All of them go into one round of the writer, so that they are appended together or not at all.</summary>
    public async ValueTask AppendInOrderAsync(TopicPartition partition, IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (entries.Count == 0) return;
        var target = catalog.Partition(partition);
        var frames = new PendingFrame[entries.Count];
        for (var i = 0; i < frames.Length; i++) frames[i] = Frame(target, partition, entries[i].Key, entries[i].Value);
        writer.Enqueue(frames);
        await Task.WhenAll(frames.Select(f => f.Task));
    }

    private PendingFrame Frame(PartitionLog target, TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value)
    {
        if ((long)key.Length + value.Length > options.MaxRecordBytes)
        {
            throw new LogException($"A record of {(long)key.Length + value.Length} bytes is over the limit of {options.MaxRecordBytes}.");
        }
        return new PendingFrame(target, RecordFrame.Create(FrameKind.Record, target.TopicId, partition.Partition, key.Span, value.Span));
    }

    public async Task ConsumeAsync(string group, IReadOnlyList<string> topics, IPartitionProcessorFactory factory, CancellationToken cancellationToken)
    {
        var partitions = topics.SelectMany(topic => Enumerable.Range(0, PartitionCount(topic)).Select(i => new TopicPartition(topic, i))).ToHashSet();
        using var until = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, closing.Token);
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ConsumerGroup? joined;
        lock (groupsGate)
        {
            if (!groups.TryGetValue(group, out joined))
            {
                joined = new ConsumerGroup((who, what, revoked) => new PartitionRunner(this, options, time, logger, group, what).RunAsync(who.Factory, revoked));
                groups.Add(group, joined);
            }
            members.Add(left.Task);
        }
        try
        {
            await joined.JoinAsync(new GroupMember(partitions, factory), until.Token);
        }
        finally
        {
            lock (groupsGate) members.Remove(left.Task);
            left.SetResult();
        }
    }

    public async ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxRecords);
        cancellationToken.ThrowIfCancellationRequested();
        var log = catalog.Partition(partition);
        var offsets = log.Offsets;
        if (fromOffset < offsets.Oldest || fromOffset > offsets.Next) throw new OffsetOutOfRangeException(partition, fromOffset, offsets);
        if (fromOffset == offsets.Next)
        {
            var started = time.GetTimestamp();
            while (log.Offsets.Next <= fromOffset)
            {
                var left = wait - time.GetElapsedTime(started);
                if (left <= TimeSpan.Zero) return [];
                try
                {
                    await log.WhenAppended(fromOffset).WaitAsync(left, time, cancellationToken);
                }
                catch (TimeoutException)
                {
                    return [];
                }
            }
        }
        return Read(log, fromOffset, maxRecords, options.MaxBatchBytes);
    }

    public ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken) => new(OffsetsOf(partition));

    public ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken)
    {
        catalog.Partition(partition);
        return new ValueTask<CommittedOffset?>(FindCommit(group, partition));
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0) return;
        if (retentionTimer is not null) await retentionTimer.DisposeAsync();
        await closing.CancelAsync();
        Task[] leaving;
        lock (groupsGate) leaving = [.. members];
        await Task.WhenAll(leaving);
        await writer.StopAsync();
        segments.Close();
        folderLock.Dispose();
        topicsGate.Dispose();
        closing.Dispose();
    }

    internal OffsetRange OffsetsOf(TopicPartition partition) => catalog.Partition(partition).Offsets;

    internal CommittedOffset? FindCommit(string group, TopicPartition partition) => catalog.FindCommit(group, partition);

    internal void Commit(string group, TopicPartition partition, CommittedOffset offset)
    {
        if (catalog.Commit(group, partition, offset)) writer.CommitsWait();
    }

    /// <summary>At least one record from an offset on; waits for it.</summary>
    internal async ValueTask<IReadOnlyList<LogRecord>> ReadBatchAsync(TopicPartition partition, long fromOffset, int maxRecords, int maxBytes, CancellationToken cancellationToken)
    {
        var log = catalog.Partition(partition);
        while (log.Offsets.Next <= fromOffset) await log.WhenAppended(fromOffset).WaitAsync(cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        return Read(log, fromOffset, maxRecords, maxBytes);
    }

    internal static void CheckMetadata(string metadata)
    {
        if (Encoding.UTF8.GetByteCount(metadata) > MaxMetadataBytes) throw new ArgumentException($"A commit's metadata is at most {MaxMetadataBytes} bytes.", nameof(metadata));
    }

    private IReadOnlyList<LogRecord> Read(PartitionLog log, long fromOffset, int maxRecords, int maxBytes)
    {
        if (log.ReadRecent(fromOffset, maxRecords, maxBytes) is { } recent) return recent;
        List<LogRecord> records;
        try
        {
            records = reader.Read(log, fromOffset, maxRecords, maxBytes);
        }
        catch (IOException e)
        {
            throw new LogException($"Offset {fromOffset} of {log.Name.Topic}[{log.Name.Partition}] can't be read: {e.Message} Check the disk.", e);
        }
        if (records.Count > 0) return records;
        var offsets = log.Offsets;
        throw fromOffset < offsets.Oldest
            ? new OffsetOutOfRangeException(log.Name, fromOffset, offsets)
            : new LogException($"Offset {fromOffset} of {log.Name.Topic}[{log.Name.Partition}] can't be found in the segments: the log is damaged. Check the disk.");
    }

    private bool IsConsumedUncommitted(TopicPartition partition)
    {
        lock (groupsGate)
        {
            foreach (var (name, group) in groups)
            {
                if (group.Consumes(partition) && catalog.FindCommit(name, partition) is null) return true;
            }
        }
        return false;
    }

    private void CheckTopic(TopicSpec spec)
    {
        var valid = spec.Name.Length is > 0 and <= 249 && spec.Name is not ("." or "..")
            && spec.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
        if (!valid) throw new LogException($"'{spec.Name}' can't be a topic's name: 1 to 249 letters, digits, '.', '_' and '-'.");
        if (spec.Partitions < 1) throw new LogException($"Topic {spec.Name} needs at least one partition.");
        if (catalog.FindTopic(spec.Name) is { } known && known.Spec.Partitions != spec.Partitions)
        {
            throw new LogException($"Topic {spec.Name} has {known.Spec.Partitions} partitions, and that is for life; asked for were {spec.Partitions}.");
        }
    }

    [LoggerMessage(31, LogLevel.Information, "Opened the log in {Location}: {Segments} segments, {Topics} topics.")]
    private partial void LogOpened(string location, int segments, int topics);
}
