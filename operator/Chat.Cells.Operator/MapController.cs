using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Kubernetes.Queues;
using Chat.Cells.Operator.Apply;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator;

/// <summary>Keeps the cell map: one worker, one key, so that numbers are given out one after the other.</summary>
public sealed partial class MapController : IDisposable
{
    private const string Key = "map";
    private readonly ClusterCache _cache;
    private readonly Observer _observer;
    private readonly MapWriter _writer;
    private readonly OperatorOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<MapController> _logger;
    private readonly RateLimitingQueue<string> _queue;

    /// <summary>Makes the controller.</summary>
    public MapController(ClusterCache cache, Observer observer, MapWriter writer, OperatorOptions options, TimeProvider time, ILogger<MapController> logger)
    {
        _cache = cache;
        _observer = observer;
        _writer = writer;
        _options = options;
        _time = time;
        _logger = logger;
        _queue = new RateLimitingQueue<string>(time, TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(1));
    }

    /// <summary>Something that the map depends on may have changed.</summary>
    public void Enqueue() => _queue.Add(Key);

    /// <summary>Works until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Enqueue();
        try
        {
            while (true)
            {
                var (ok, key) = await _queue.GetAsync(cancellationToken);
                if (!ok)
                {
                    return;
                }
                try
                {
                    await ReconcileAsync(cancellationToken);
                    _queue.Forget(key);
                }
                catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
                {
                    if (e is KubernetesException { IsConflict: true } or KubernetesException { IsAlreadyExists: true })
                    {
                        LogConflict(e.Message);
                    }
                    else
                    {
                        LogFailed(e);
                    }
                    _queue.AddRateLimited(key, (e as KubernetesException)?.RetryAfter);
                }
                finally
                {
                    _queue.Done(key);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _queue.Dispose();

    private async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var current = _observer.MapState();
        var next = MapPlanner.Next(current, _observer.MapInputs(), _time.GetUtcNow());
        if (next.Map is null)
        {
            return;
        }
        var first = _cache.ConfigMaps.Lister.Get(_options.Namespace, Naming.MapName);
        if (!ReferenceEquals(next, current) || !IsSame(first, next))
        {
            await _writer.WriteFirstAsync(_options.Namespace, next, first, cancellationToken);
        }
        await CopyAsync(next, cancellationToken);
    }

    private async Task CopyAsync(MapState state, CancellationToken cancellationToken)
    {
        var copies = _cache.ConfigMaps.Lister.List().Where(m => m.Metadata.Name == Naming.MapName && m.Metadata.Namespace != _options.Namespace).ToDictionary(m => m.Metadata.Namespace!);
        var wanted = _cache.Cells.Lister.List().Select(c => c.Metadata.Namespace!).Where(n => n != _options.Namespace).ToHashSet();
        var failures = new List<Exception>();
        foreach (var ns in wanted.Order(StringComparer.Ordinal))
        {
            await TryAsync(() => _writer.WriteCopyAsync(ns, state, copies.GetValueOrDefault(ns), cancellationToken));
        }
        foreach (var (_, copy) in copies.Where(c => !wanted.Contains(c.Key)))
        {
            await TryAsync(() => _writer.DeleteCopyAsync(copy, cancellationToken));
        }
        if (failures.Count > 0)
        {
            throw new AggregateException("Copies of the cell map could not be written.", failures);
        }

        // A namespace that is going away refuses its copy: the others must have theirs all the same.
        async Task TryAsync(Func<Task> write)
        {
            try
            {
                await write();
            }
            catch (KubernetesException e)
            {
                failures.Add(e);
            }
        }
    }

    private static bool IsSame(V1ConfigMap? live, MapState state) =>
        live?.Data is { } data && state.ToData().All(d => data.TryGetValue(d.Key, out var value) && value == d.Value) && live.Metadata.Label(Naming.ManagedByLabel) == Naming.FieldManager;

    [LoggerMessage(1, LogLevel.Error, "Publishing the cell map failed; it is tried again")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(2, LogLevel.Debug, "Publishing the cell map met a conflict; it is tried again: {Error}")]
    private partial void LogConflict(string error);
}
