using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Topology;

/// <summary>How a map file is watched.</summary>
public sealed record CellMapWatcherOptions
{
    /// <summary>How often the file is looked at.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A file of our own that keeps the last good map, so that a start needs nobody; null for none.</summary>
    public string? CopyPath { get; init; }
}

/// <summary>
/// Keeps the current cell map in memory. The file is looked at every second; a file that is gone, corrupt, older, or changed without a new version leaves the map as
/// it is. The version never goes down, across restarts either where a copy is kept.
/// </summary>
public sealed partial class CellMapWatcher : IAsyncDisposable
{
    private readonly string path;
    private readonly CellMapWatcherOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly Lock reading = new();
    private readonly TaskCompletionSource<CellMap> first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource stop = new();
    private volatile CellMap? current;
    private byte[]? lastSeen;
    private string? lastError;
    private Task? loop;

    public CellMapWatcher(string path, CellMapWatcherOptions? options = null, TimeProvider? time = null, ILogger? logger = null)
    {
        this.path = path;
        this.options = options ?? new CellMapWatcherOptions();
        this.time = time ?? TimeProvider.System;
        this.logger = logger ?? NullLogger.Instance;
    }

    /// <summary>Raised after <see cref="Current"/> has changed, on the thread that read the file. A handler must not throw or block.</summary>
    public event Action<CellMap>? Changed;

    /// <summary>The map in use; null until one has been read.</summary>
    public CellMap? Current => current;

    /// <summary>Why the file as it stands now is not in use; null when it is.</summary>
    public string? LastError => Volatile.Read(ref lastError);

    /// <summary>Reads the copy and the file once, then keeps looking at the file until disposed.</summary>
    public void Start()
    {
        if (loop is not null) throw new InvalidOperationException("The watcher has been started.");
        LoadCopy();
        Poll();
        loop = PollAsync();
    }

    /// <summary>The map, as soon as there is one.</summary>
    public Task<CellMap> WaitForMapAsync(CancellationToken cancellationToken) => first.Task.WaitAsync(cancellationToken);

    /// <summary>Looks at the file once; true when the map changed.</summary>
    public bool Poll()
    {
        lock (reading)
        {
            byte[] bytes;
            try
            {
                bytes = CellMapFile.ReadBytes(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or CellMapException)
            {
                lastSeen = null;
                Refuse(e.Message);
                return false;
            }
            if (lastSeen is not null && bytes.AsSpan().SequenceEqual(lastSeen)) return false;
            lastSeen = bytes;
            return Take(bytes, path, keepCopy: true);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        if (loop is not null) await loop;
        first.TrySetCanceled(stop.Token);
        stop.Dispose();
    }

    private async Task PollAsync()
    {
        using var timer = new PeriodicTimer(options.PollInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop.Token)) Poll();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            LogStopped(logger);
        }
    }

    private void LoadCopy()
    {
        if (options.CopyPath is not { } copy || !File.Exists(copy)) return;
        lock (reading)
        {
            try
            {
                Take(CellMapFile.ReadBytes(copy), copy, keepCopy: false);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or CellMapException)
            {
                LogCopyUnreadable(logger, copy, e.Message);
            }
        }
    }

    private bool Take(byte[] bytes, string from, bool keepCopy)
    {
        CellMap map;
        try
        {
            map = CellMapFile.Parse(bytes);
        }
        catch (CellMapException e)
        {
            Refuse(e.Message);
            return false;
        }
        if (current is { } now && map.Version <= now.Version)
        {
            if (map.Version == now.Version && CellMapFile.Serialize(map) == CellMapFile.Serialize(now)) Volatile.Write(ref lastError, null);
            else Refuse($"its version is {map.Version}, and version {now.Version} is in use; a change needs a higher version");
            return false;
        }
        current = map;
        Volatile.Write(ref lastError, null);
        LogTaken(logger, map.Version, map.Cells.Count, from);
        if (keepCopy) KeepCopy(map);
        first.TrySetResult(map);
        Changed?.Invoke(map);
        return true;
    }

    private void KeepCopy(CellMap map)
    {
        if (options.CopyPath is not { } copy) return;
        try
        {
            CellMapFile.Write(copy, map);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogCopyNotWritten(logger, copy, e.Message);
        }
    }

    private void Refuse(string reason)
    {
        if (string.Equals(lastError, reason, StringComparison.Ordinal)) return;
        Volatile.Write(ref lastError, reason);
        LogRefused(logger, path, reason, current?.Version ?? 0);
    }

    [LoggerMessage(1, LogLevel.Information, "Cell map version {Version} with {Cells} cells is in use, from {Path}")]
    private static partial void LogTaken(ILogger logger, long version, int cells, string path);

    [LoggerMessage(2, LogLevel.Warning, "The cell map in {Path} is not taken: {Reason}. Version {Version} stays in use")]
    private static partial void LogRefused(ILogger logger, string path, string reason, long version);

    [LoggerMessage(3, LogLevel.Warning, "The copy of the cell map {Path} can't be read: {Reason}")]
    private static partial void LogCopyUnreadable(ILogger logger, string path, string reason);

    [LoggerMessage(4, LogLevel.Warning, "The copy of the cell map {Path} can't be written: {Reason}. A restart will need the original")]
    private static partial void LogCopyNotWritten(ILogger logger, string path, string reason);

    [LoggerMessage(5, LogLevel.Debug, "The cell map is no longer watched")]
    private static partial void LogStopped(ILogger logger);
}
