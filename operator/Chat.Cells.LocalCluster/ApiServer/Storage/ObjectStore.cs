namespace Chat.Cells.LocalCluster.ApiServer.Storage;

/// <summary>
/// All objects of the cluster: an immutable index in memory, a journal and a snapshot on disk, one global version counter. A write is on disk before anybody sees it.
/// </summary>
public sealed partial class ObjectStore : IAsyncDisposable
{
    private const string SnapshotName = "snapshot.bin";
    private const string JournalName = "journal.bin";
    private readonly SemaphoreSlim _writes = new(1, 1);
    private readonly Lock _publish = new();
    private readonly FileStream _lock;
    private readonly Journal _journal;
    private readonly string _directory;
    private readonly long _compactAt;
    private readonly ILogger _logger;
    private ObjectIndex _objects = ObjectIndex.Empty;
    private long _version;

    private ObjectStore(string directory, FileStream @lock, Journal journal, long compactAt, ChangeWindow window, ILogger logger)
    {
        _directory = directory;
        _lock = @lock;
        _journal = journal;
        _compactAt = compactAt;
        _logger = logger;
        Changes = window;
    }

    /// <summary>The recent changes, for watches and for reading a little into the past.</summary>
    public ChangeWindow Changes { get; }

    /// <summary>Opens the store in a folder, restoring what is there.</summary>
    /// <param name="directory">The folder; made when missing. One process may have it open.</param>
    /// <param name="windowSize">How many changes a watch may lag behind before it gets 410 Gone.</param>
    /// <param name="compactAt">Journal bytes after which a snapshot is made.</param>
    /// <param name="logger">Told of a cut tail and of snapshots.</param>
    /// <exception cref="IOException">Another process has the folder open, or it can't be read.</exception>
    public static ObjectStore Open(string directory, int windowSize, long compactAt, ILogger logger)
    {
        // Secrets are among the objects.
        Directory.CreateDirectory(directory);
        File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var held = new FileStream(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        var window = new ChangeWindow(windowSize);
        var objects = ObjectIndex.Empty;
        long version = 0;
        var snapshot = Path.Combine(directory, SnapshotName);
        if (File.Exists(snapshot))
        {
            long frames = 0;
            var good = Journal.ReadFrames(snapshot, frame =>
            {
                // The first frame carries only the counter: the last write may have been a deletion.
                if (frames++ == 0)
                {
                    version = BitConverter.ToInt64(frame.Span);
                    return;
                }

                foreach (var write in JournalRecord.Decode(frame))
                {
                    objects = objects.With(write.Object);
                }
            });
            if (good != new FileInfo(snapshot).Length || frames == 0)
            {
                held.Dispose();
                throw new InvalidDataException($"The snapshot {snapshot} is damaged after byte {good}; restore it from a copy, or remove the data folder to start empty.");
            }
        }

        window.Start(version);
        var (journal, cut) = Journal.Open(Path.Combine(directory, JournalName), frame =>
        {
            foreach (var write in JournalRecord.Decode(frame))
            {
                if (write.Object.ResourceVersion <= version)
                {
                    continue; // The snapshot has it: the process died between the snapshot and the clearing of the journal.
                }

                version = write.Object.ResourceVersion;
                window.Add(Replay(ref objects, write));
            }
        });
        if (cut > 0)
        {
            LogTailCut(logger, cut, version);
        }

        return new ObjectStore(directory, held, journal, compactAt, window, logger) { _objects = objects, _version = version };
    }

    /// <summary>The state of this instant: later writes do not change what is returned.</summary>
    public StoreSnapshot Read()
    {
        lock (_publish)
        {
            return new StoreSnapshot(_version, _objects);
        }
    }

    /// <summary>
    /// Runs one read-modify-write alone. What <paramref name="body"/> puts and deletes is journaled as one record and then becomes visible; when it throws, or the disk
    /// refuses, nothing has happened.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<StoreTransaction, T> body, CancellationToken cancellationToken)
    {
        await _writes.WaitAsync(cancellationToken);
        try
        {
            var transaction = new StoreTransaction(_objects, _version);
            var result = body(transaction);
            if (transaction.Changes.Count > 0 && !transaction.IsDryRun)
            {
                _journal.Append(JournalRecord.Encode([.. transaction.Changes.Select(c => new JournalRecord.Write(c.Kind == ChangeKind.Deleted, c.Object))]));
                lock (_publish)
                {
                    _objects = transaction.Objects;
                    _version = transaction.Version;
                    foreach (var change in transaction.Changes)
                    {
                        Changes.Add(change);
                    }
                }

                Changes.Wake();
                Compact();
            }

            return result;
        }
        finally
        {
            _writes.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _writes.WaitAsync(CancellationToken.None);
        _journal.Dispose();
        await _lock.DisposeAsync();
        _writes.Dispose();
    }

    private static ObjectChange Replay(ref ObjectIndex objects, JournalRecord.Write write)
    {
        var previous = objects.Get(write.Object.Key);
        if (write.Deleted)
        {
            objects = objects.Without(write.Object.Key);
            return new ObjectChange(ChangeKind.Deleted, write.Object, previous ?? write.Object);
        }

        objects = objects.With(write.Object);
        return new ObjectChange(previous is null ? ChangeKind.Added : ChangeKind.Modified, write.Object, previous);
    }

    private void Compact()
    {
        if (_journal.Length < _compactAt)
        {
            return;
        }

        try
        {
            IEnumerable<byte[]> frames = [BitConverter.GetBytes(_version)];
            Journal.WriteAll(
                Path.Combine(_directory, SnapshotName),
                frames.Concat(_objects.All.Select(o => JournalRecord.Encode([new JournalRecord.Write(false, o)]))));
            // The file system keeps the order of the two: the journal is never empty before the snapshot is in place.
            _journal.Clear();
            LogSnapshot(_logger, _version);
        }
        catch (IOException e)
        {
            // The journal still has everything: only its length suffers, and the next write tries again.
            LogSnapshotFailed(_logger, e);
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "The journal ended in a torn record: {Bytes} bytes cut; the state is that of resource version {Version}")]
    private static partial void LogTailCut(ILogger logger, long bytes, long version);

    [LoggerMessage(EventId = 2, Level = LogLevel.Debug, Message = "Snapshot at resource version {Version}")]
    private static partial void LogSnapshot(ILogger logger, long version);

    [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "The snapshot could not be written; the journal is kept")]
    private static partial void LogSnapshotFailed(ILogger logger, Exception exception);
}
