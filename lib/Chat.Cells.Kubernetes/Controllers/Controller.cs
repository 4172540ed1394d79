using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Kubernetes.Queues;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Kubernetes.Controllers;

/// <summary>How a controller works through its queue.</summary>
public sealed record ControllerOptions
{
    /// <summary>Objects reconciled at once; one object is never reconciled twice at once.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>Delay after a first failure.</summary>
    public TimeSpan BaseDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Longest delay after failures.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMinutes(2);
}

/// <summary>
/// Informer → queue → workers → reconcile. Keyed by namespace and name, so that many changes make one reconcile; failures come back with back-off; finalizers are
/// set before the first reconcile and run once deletion is asked for. Other kinds' informers call <see cref="Enqueue"/>.
/// </summary>
public sealed partial class Controller<T> : IDisposable
    where T : class, IKubernetesObject
{
    private readonly Informer<T> _informer;
    private readonly ResourceClient<T> _client;
    private readonly IEntityController<T> _controller;
    private readonly IReadOnlyList<IEntityFinalizer<T>> _finalizers;
    private readonly ControllerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RateLimitingQueue<ObjectKey> _queue;

    /// <summary>Makes a controller and hooks it to the informer, which the caller runs.</summary>
    public Controller(
        Informer<T> informer,
        ResourceClient<T> client,
        IEntityController<T> controller,
        IReadOnlyList<IEntityFinalizer<T>> finalizers,
        ControllerOptions options,
        ILogger logger,
        TimeProvider? time = null)
    {
        _informer = informer;
        _client = client;
        _controller = controller;
        _finalizers = finalizers;
        _options = options;
        _logger = logger;
        _time = time ?? TimeProvider.System;
        _queue = new RateLimitingQueue<ObjectKey>(_time, options.BaseDelay, options.MaxDelay);
        informer.AddHandlers(
            added: o => _queue.Add(ObjectKey.Of(o)),
            updated: (_, o) => _queue.Add(ObjectKey.Of(o)),
            deleted: o => _queue.Add(ObjectKey.Of(o)));
    }

    /// <summary>Objects that wait for a worker.</summary>
    public int QueueLength => _queue.Count;

    /// <summary>Asks for a reconcile of an object, because something it depends on may have changed.</summary>
    public void Enqueue(ObjectKey key) => _queue.Add(key);

    /// <summary>Waits for the informer's cache, then works until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _informer.WaitForSyncAsync(cancellationToken);
            // A process that lost the lease and leads again starts from the whole cache.
            foreach (var item in _informer.Lister.List())
            {
                _queue.Add(ObjectKey.Of(item));
            }
            await Task.WhenAll(Enumerable.Range(0, _options.Workers).Select(_ => Task.Run(() => WorkAsync(cancellationToken), CancellationToken.None)));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _queue.Dispose();

    private async Task WorkAsync(CancellationToken cancellationToken)
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
                await ProcessAsync(key, cancellationToken);
            }
            finally
            {
                _queue.Done(key);
            }
        }
    }

    private async Task ProcessAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var outcome = "success";
        try
        {
            var requeueAfter = await ReconcileAsync(key, cancellationToken);
            _queue.Forget(key);
            if (requeueAfter is { } delay)
            {
                outcome = "requeue_after";
                _queue.AddAfter(key, delay);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (KubernetesException e) when (e.IsConflict || e.IsAlreadyExists)
        {
            // The cache is behind: the informer will bring the newer state.
            outcome = "requeue";
            LogConflict(_client.Type.Kind, key, e.Message);
            _queue.AddRateLimited(key);
        }
        catch (Exception e)
        {
            outcome = "error";
            LogFailed(e, _client.Type.Kind, key, _queue.NumRequeues(key) + 1);
            _queue.AddRateLimited(key, (e as KubernetesException)?.RetryAfter);
        }
        ControllerMetrics.Reconciles.Add(1, new("controller", _client.Type.Plural), new("result", outcome));
        ControllerMetrics.Duration.Record(_time.GetElapsedTime(started).TotalSeconds, new KeyValuePair<string, object?>("controller", _client.Type.Plural));
    }

    private async Task<TimeSpan?> ReconcileAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        var entity = _informer.Lister.Get(key);
        if (entity is null)
        {
            await _controller.DeletedAsync(key, cancellationToken);
            return null;
        }
        if (entity.Metadata.DeletionTimestamp is not null)
        {
            return await FinalizeAsync(entity, cancellationToken);
        }
        var present = entity.Metadata.Finalizers ?? [];
        var missing = _finalizers.Select(f => f.Identifier).Where(f => !present.Contains(f)).ToList();
        if (missing.Count > 0)
        {
            entity = await WriteFinalizersAsync(entity, [.. present, .. missing], cancellationToken);
        }
        return (await _controller.ReconcileAsync(entity, cancellationToken)).RequeueAfter;
    }

    private async Task<TimeSpan?> FinalizeAsync(T entity, CancellationToken cancellationToken)
    {
        foreach (var finalizer in _finalizers)
        {
            var present = entity.Metadata.Finalizers ?? [];
            if (!present.Contains(finalizer.Identifier))
            {
                continue;
            }
            var result = await finalizer.FinalizeAsync(entity, cancellationToken);
            if (!result.IsDone)
            {
                return result.RequeueAfter;
            }
            try
            {
                // The finalizer may have written the status meanwhile: take the newest object.
                entity = await _client.GetAsync(entity.Metadata.Namespace, entity.Metadata.Name!, cancellationToken);
                var left = (entity.Metadata.Finalizers ?? []).Where(f => f != finalizer.Identifier).ToArray();
                entity = await WriteFinalizersAsync(entity, left, cancellationToken);
            }
            catch (KubernetesException e) when (e.IsNotFound)
            {
                return null;
            }
        }
        return null;
    }

    private Task<T> WriteFinalizersAsync(T entity, string[] finalizers, CancellationToken cancellationToken)
    {
        var list = new JsonArray([.. finalizers.Select(f => (JsonNode?)JsonValue.Create(f))]);
        // With the version read: never remove what somebody has just added.
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["finalizers"] = list, ["resourceVersion"] = entity.Metadata.ResourceVersion } };
        return _client.MergePatchAsync(entity.Metadata.Namespace, entity.Metadata.Name!, patch, cancellationToken);
    }

    [LoggerMessage(1, LogLevel.Error, "Reconciling {Kind} {Key} failed, {Failures} time(s) in a row; it is tried again")]
    private partial void LogFailed(Exception exception, string kind, ObjectKey key, int failures);

    [LoggerMessage(2, LogLevel.Debug, "Reconciling {Kind} {Key} met a conflict; it is tried again: {Error}")]
    private partial void LogConflict(string kind, ObjectKey key, string error);
}

/// <summary>Instruments of all controllers, named as controller-runtime names them.</summary>
public static class ControllerMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Chat.Cells.Kubernetes";

    private static readonly Meter Meter = new(MeterName);

    /// <summary>Reconciles by controller and result.</summary>
    internal static Counter<long> Reconciles { get; } = Meter.CreateCounter<long>("controller_runtime_reconcile_total");

    /// <summary>Seconds that a reconcile takes.</summary>
    internal static Histogram<double> Duration { get; } = Meter.CreateHistogram<double>("controller_runtime_reconcile_time_seconds", "s");
}
