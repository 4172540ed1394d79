using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Controllers;
using Chat.Cells.Kubernetes.Events;
using Chat.Cells.Kubernetes.LeaderElection;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Apply;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using Chat.Cells.Operator.Report;

namespace Chat.Cells.Operator;

/// <summary>The operator as a whole: informers, the two controllers, leader election. Composition only.</summary>
public sealed class ChatCellOperator : IDisposable
{
    private readonly ClusterCache _cache;
    private readonly MapController _map;
    private readonly Controller<ChatCell> _cells;
    private readonly LeaderElector? _elector;

    /// <summary>Puts the operator together.</summary>
    public ChatCellOperator(KubernetesClient client, OperatorOptions options, ICellProbe probe, ISecretSource secrets, ILoggerFactory loggers, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        _cache = new ClusterCache(client, loggers, options.Resync, time);
        var observer = new Observer(_cache, client, probe, options, time);
        var applier = new ObjectApplier(client, loggers.CreateLogger<ObjectApplier>());
        var events = new EventRecorder(client, Naming.FieldManager, options.Identity, loggers.CreateLogger<EventRecorder>(), time);
        var controller = new CellController(
            observer,
            new CellPlanner(options, secrets),
            new SecretWriter(client, loggers.CreateLogger<SecretWriter>()),
            applier,
            new StatusReporter(client, events),
            time,
            loggers.CreateLogger<CellController>());
        var mapWriter = new MapWriter(client, applier, loggers.CreateLogger<MapWriter>());
        _map = new MapController(_cache, observer, mapWriter, options, time, loggers.CreateLogger<MapController>());
        _cells = new Controller<ChatCell>(
            _cache.Cells, client.Of<ChatCell>(), controller, [controller], new ControllerOptions { Workers = options.Workers }, loggers.CreateLogger<Controller<ChatCell>>(), time);
        Wire();
        if (options.LeaderElection)
        {
            var election = new LeaderElectionOptions { Namespace = options.Namespace, Name = Naming.FieldManager, Identity = options.Identity };
            _elector = new LeaderElector(client, election, loggers.CreateLogger<LeaderElector>(), time);
        }
    }

    /// <summary>The caches are filled; a standby is ready, too.</summary>
    public bool IsReady => _cache.HasSynced;

    /// <summary>This process does the work.</summary>
    public bool IsLeader => _elector?.IsLeader ?? true;

    /// <summary>Cells that wait for a reconcile.</summary>
    public int QueueLength => _cells.QueueLength;

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var informers = _cache.RunAsync(cancellationToken);
        var work = _elector is null ? WorkAsync(cancellationToken) : _elector.RunAsync(WorkAsync, cancellationToken);
        await Task.WhenAll(informers, work);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _cells.Dispose();
        _map.Dispose();
    }

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _cache.WaitForSyncAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
        await Task.WhenAll(_map.RunAsync(cancellationToken), _cells.RunAsync(cancellationToken));
    }

    private void Wire()
    {
        _cache.Cells.AddHandlers(
            _ => EnqueueAll(),
            (old, now) =>
            {
                // A resync is for the cell alone; so is its own status, unless the map or the bridges of others depend on it.
                if (!ReferenceEquals(old, now))
                {
                    _map.Enqueue();
                }
                if (old.Metadata.Generation != now.Metadata.Generation || MapPlanner.IsLeaving(old) != MapPlanner.IsLeaving(now))
                {
                    EnqueueAll();
                }
            },
            _ => EnqueueAll());
        _cache.ConfigMaps.AddHandlers(_ => EnqueueAll(), (_, _) => EnqueueAll(), _ => EnqueueAll());
        // Other cells' bridges and tokens, and the map, depend on these two kinds.
        _cache.Secrets.AddHandlers(OnShared, (_, s) => OnShared(s), OnShared);
        _cache.Services.AddHandlers(OnShared, (_, s) => OnShared(s), OnShared);
        _cache.StatefulSets.AddHandlers(EnqueueOwner, (_, s) => EnqueueOwner(s), EnqueueOwner);
        _cache.DisruptionBudgets.AddHandlers(EnqueueOwner, (_, b) => EnqueueOwner(b), EnqueueOwner);
        _cache.Deployments.AddHandlers(EnqueueOwner, (_, d) => EnqueueOwner(d), EnqueueOwner);
    }

    private void OnShared(IKubernetesObject value)
    {
        if (value.Metadata.Label(Naming.AppLabel) == Naming.CellApp)
        {
            EnqueueAll();
        }
        else
        {
            EnqueueOwner(value);
        }
    }

    private void EnqueueOwner(IKubernetesObject value)
    {
        if (value.Metadata.Label(Naming.CellLabel) is { } cell)
        {
            _cells.Enqueue(new ObjectKey(value.Metadata.Namespace, cell));
        }
    }

    private void EnqueueAll()
    {
        _map.Enqueue();
        foreach (var cell in _cache.Cells.Lister.List())
        {
            _cells.Enqueue(ObjectKey.Of(cell));
        }
    }
}
