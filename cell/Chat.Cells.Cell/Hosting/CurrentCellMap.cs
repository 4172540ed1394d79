using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Hosting;

/// <summary>
/// The cell map as this server uses it: the watched file's, with this cell's own keys of this moment (a key that was just rotated in verifies here at once).
/// Without a map file, a map of this cell alone.
/// </summary>
public sealed class CurrentCellMap : IAsyncDisposable
{
    private readonly CellOptions options;
    private readonly SecretsFolder secrets;
    private readonly CellMapWatcher? watcher;
    private readonly Lock rebuilding = new();
    private volatile CellMap? current;

    public CurrentCellMap(CellOptions options, SecretsFolder secrets, TimeProvider time, ILogger<CurrentCellMap> logger)
    {
        this.options = options;
        this.secrets = secrets;
        secrets.Changed += Rebuild;
        if (options.CellMapPath is { } path)
        {
            watcher = new CellMapWatcher(path, new CellMapWatcherOptions { CopyPath = Path.Combine(options.DataDirectory, "cells.json") }, time, logger);
            watcher.Changed += _ => Rebuild();
            watcher.Start();
        }
        Rebuild();
    }

    /// <summary>Null until a map has been read.</summary>
    public CellMap? Current => current;

    /// <summary>
    /// The key to sign with: the greatest that the map has told everybody of, so that no token is refused elsewhere while a rotation is on its way; the greatest
    /// of all while the map knows none of ours.
    /// </summary>
    public SigningKey SigningKey
    {
        get
        {
            var keys = secrets.Current.Keys;
            var published = watcher?.Current?.Find(options.Cell)?.Keys;
            return keys.LastOrDefault(k => published?.Any(p => p == k.Public) == true) ?? keys[^1];
        }
    }

    /// <summary>Raised after <see cref="Current"/> has changed.</summary>
    public event Action<CellMap>? Changed;

    /// <summary>Done when there is a map.</summary>
    public Task WaitAsync(CancellationToken cancellationToken) => watcher is null ? Task.CompletedTask : WaitForFileAsync(watcher, cancellationToken);

    private async Task WaitForFileAsync(CellMapWatcher file, CancellationToken cancellationToken)
    {
        await file.WaitForMapAsync(cancellationToken);
        if (current is null) Rebuild();
    }

    public async ValueTask DisposeAsync()
    {
        secrets.Changed -= Rebuild;
        if (watcher is not null) await watcher.DisposeAsync();
    }

    private void Rebuild()
    {
        lock (rebuilding)
        {
            var keys = secrets.Current.Keys.Select(k => k.Public).ToArray();
            if (watcher is null) current = Alone(keys);
            else if (watcher.Current is { } map) current = WithKeys(map, keys);
        }
        if (current is { } now) Changed?.Invoke(now);
    }

    private CellMap WithKeys(CellMap map, CellKey[] keys) => CellMap.Create(
        map.Version,
        [.. map.Cells.Select(c => c.Name == options.Cell ? c with { Keys = [.. c.Keys.Where(k => keys.All(o => o.Kid != k.Kid)), .. keys] } : c)],
        map.HandleShards,
        map.Numbers);

    private CellMap Alone(CellKey[] keys) => CellMap.Create(
        1,
        [new CellEntry(options.Cell, options.Number, options.Region, 100, CellState.Active, null, new CellEndpoints(options.Public, options.Internal), keys)],
        new Dictionary<string, IReadOnlyList<HandleShardRange>> { [options.Region] = [new HandleShardRange(0, Handle.ShardCount - 1, options.Cell)] },
        new Dictionary<string, int> { [options.Cell] = options.Number });
}
