using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Kubernetes.Informers;

/// <summary>What an informer keeps in its cache, and how.</summary>
public sealed record InformerOptions
{
    /// <summary>Null for all namespaces.</summary>
    public string? Namespace { get; init; }

    /// <summary>Labels to select by.</summary>
    public string? LabelSelector { get; init; }

    /// <summary>Fields to select by.</summary>
    public string? FieldSelector { get; init; }

    /// <summary>How often every object is handed to the update handlers again, unchanged; null for never.</summary>
    public TimeSpan? Resync { get; init; }

    /// <summary>How long the server keeps one watch; the informer then goes on from where it was.</summary>
    public TimeSpan WatchTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>First wait after a failure; doubles with each, with jitter.</summary>
    public TimeSpan BackOff { get; init; } = TimeSpan.FromMilliseconds(800);

    /// <summary>Longest wait after failures.</summary>
    public TimeSpan LongestBackOff { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>
/// Keeps a cache of one kind: lists, then watches from there; goes on after a dropped connection from the last resource version it saw (bookmarks
/// included), and lists again after 410 Gone. Handlers run one at a time, in order, and must be quick: put a key into a queue. A handler that throws is logged
/// and does not stop the informer.
/// </summary>
public sealed partial class Informer<T>
    where T : class, IKubernetesObject
{
    private readonly ResourceClient<T> _client;
    private readonly InformerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _dispatch = new(1, 1);
    private readonly List<Action<T>> _added = [];
    private readonly List<Action<T, T>> _updated = [];
    private readonly List<Action<T>> _deleted = [];
    private string? _resourceVersion;

    /// <summary>Makes an informer; <see cref="RunAsync"/> starts it.</summary>
    public Informer(ResourceClient<T> client, InformerOptions options, ILogger logger, TimeProvider? time = null)
    {
        _client = client;
        _options = options;
        _logger = logger;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>The cache.</summary>
    public Lister<T> Lister { get; } = new();

    /// <summary>True once the first list is in the cache and its handlers have run.</summary>
    public bool HasSynced => _synced.Task.IsCompletedSuccessfully;

    /// <summary>Adds handlers; do so before <see cref="RunAsync"/>. An update gets the old and the new object; on a resync both are the same.</summary>
    public void AddHandlers(Action<T>? added = null, Action<T, T>? updated = null, Action<T>? deleted = null)
    {
        if (added is not null)
        {
            _added.Add(added);
        }
        if (updated is not null)
        {
            _updated.Add(updated);
        }
        if (deleted is not null)
        {
            _deleted.Add(deleted);
        }
    }

    /// <summary>Completes when the cache holds the first list.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellationToken) => _synced.Task.WaitAsync(cancellationToken);

    /// <summary>Runs until cancelled; failures are logged and retried with back-off.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var resync = _options.Resync is { } period ? ResyncAsync(period, stop.Token) : Task.CompletedTask;
        try
        {
            await ListAndWatchAsync(cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await resync;
        }
    }

    private async Task ListAndWatchAsync(CancellationToken cancellationToken)
    {
        var failures = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            var started = _time.GetTimestamp();
            TimeSpan? asked = null;
            try
            {
                if (_resourceVersion is null)
                {
                    await ListAsync(cancellationToken);
                }
                var events = await WatchAsync(cancellationToken);
                // A watch that ends at once and without events is a failure, too: never spin.
                failures = events > 0 || _time.GetElapsedTime(started) > TimeSpan.FromSeconds(1) ? 0 : failures + 1;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (KubernetesException e) when (e.IsGone)
            {
                LogExpired(_client.Type.Plural, _resourceVersion);
                _resourceVersion = null;
                failures++;
            }
            catch (Exception e) when (ApiFailure.Is(e) || e is OperationCanceledException)
            {
                failures++;
                asked = (e as KubernetesException)?.RetryAfter;
                LogFailed(_client.Type.Plural, failures, e.Message);
            }
            if (failures > 0 && !await DelayAsync(failures, asked ?? TimeSpan.Zero, cancellationToken))
            {
                return;
            }
        }
    }

    // Never shorter than the server asked for; longer where the back-off is.
    private async Task<bool> DelayAsync(int failures, TimeSpan asked, CancellationToken cancellationToken)
    {
        var longest = Math.Min(_options.LongestBackOff.TotalMilliseconds, _options.BackOff.TotalMilliseconds * Math.Pow(2, Math.Min(failures - 1, 16)));
        try
        {
            var own = TimeSpan.FromMilliseconds(longest * (0.5 + (Random.Shared.NextDouble() / 2)));
            await Task.Delay(own > asked ? own : asked, _time, cancellationToken);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        var list = await _client.ListAsync(
            _options.Namespace,
            new ListOptions { LabelSelector = _options.LabelSelector, FieldSelector = _options.FieldSelector },
            cancellationToken);
        var present = list.Items.Select(i => ObjectKey.Of(i)).ToHashSet();
        await DispatchAsync(
            () =>
            {
                foreach (var known in Lister.List())
                {
                    if (!present.Contains(ObjectKey.Of(known)))
                    {
                        Delete(known);
                    }
                }
                foreach (var item in list.Items)
                {
                    Put(item);
                }
            },
            cancellationToken);
        _resourceVersion = list.Metadata.ResourceVersion;
        _synced.TrySetResult();
    }

    private async Task<int> WatchAsync(CancellationToken cancellationToken)
    {
        var options = new WatchOptions
        {
            LabelSelector = _options.LabelSelector,
            FieldSelector = _options.FieldSelector,
            ResourceVersion = _resourceVersion,
            Timeout = _options.WatchTimeout,
        };
        var count = 0;
        await foreach (var change in _client.WatchAsync(_options.Namespace, options, cancellationToken))
        {
            count++;
            if (change.Type != WatchEventType.Bookmark)
            {
                await DispatchAsync(
                    () =>
                    {
                        if (change.Type == WatchEventType.Deleted)
                        {
                            Delete(change.Object);
                        }
                        else
                        {
                            Put(change.Object);
                        }
                    },
                    cancellationToken);
            }
            // Only after it is in the cache: a failure in between sees the event again.
            _resourceVersion = change.Object.Metadata.ResourceVersion ?? _resourceVersion;
        }
        return count;
    }

    private void Put(T value)
    {
        var old = Lister.Set(value);
        if (old is null)
        {
            Call(_added, h => h(value));
        }
        else if (old.Metadata.Uid != value.Metadata.Uid)
        {
            // Deleted and made again while nobody watched.
            Call(_deleted, h => h(old));
            Call(_added, h => h(value));
        }
        else if (old.Metadata.ResourceVersion != value.Metadata.ResourceVersion)
        {
            Call(_updated, h => h(old, value));
        }
    }

    private void Delete(T last)
    {
        if (Lister.Remove(ObjectKey.Of(last)) is not null)
        {
            Call(_deleted, h => h(last));
        }
    }

    private async Task ResyncAsync(TimeSpan period, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(period, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                await DispatchAsync(
                    () =>
                    {
                        foreach (var item in Lister.List())
                        {
                            Call(_updated, h => h(item, item));
                        }
                    },
                    cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task DispatchAsync(Action work, CancellationToken cancellationToken)
    {
        await _dispatch.WaitAsync(cancellationToken);
        try
        {
            work();
        }
        finally
        {
            _dispatch.Release();
        }
    }

    private void Call<THandler>(List<THandler> handlers, Action<THandler> call)
    {
        foreach (var handler in handlers)
        {
            try
            {
                call(handler);
            }
            catch (Exception e)
            {
                LogHandlerFailed(e, _client.Type.Plural);
            }
        }
    }

    [LoggerMessage(1, LogLevel.Information, "The watch of {Plural} is too old (resource version {ResourceVersion}): listing again")]
    private partial void LogExpired(string plural, string? resourceVersion);

    [LoggerMessage(2, LogLevel.Warning, "List or watch of {Plural} failed, {Failures} time(s) in a row: {Error}")]
    private partial void LogFailed(string plural, int failures, string error);

    [LoggerMessage(3, LogLevel.Error, "A handler of {Plural} failed")]
    private partial void LogHandlerFailed(Exception exception, string plural);
}
