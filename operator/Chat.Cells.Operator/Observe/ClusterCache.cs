using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator.Observe;

/// <summary>The informers: every ChatCell, and of other kinds what the operator has made.</summary>
public sealed class ClusterCache
{
    private readonly List<Func<CancellationToken, Task>> _runs = [];
    private readonly List<Func<CancellationToken, Task>> _syncs = [];

    /// <summary>Makes the informers; <see cref="RunAsync"/> starts them.</summary>
    public ClusterCache(KubernetesClient client, ILoggerFactory loggers, TimeSpan resync, TimeProvider time)
    {
        Cells = Add<ChatCell>(client, null, resync, loggers, time);
        Secrets = Add<V1Secret>(client, Naming.ManagedSelector, null, loggers, time);
        Services = Add<V1Service>(client, Naming.ManagedSelector, null, loggers, time);
        StatefulSets = Add<V1StatefulSet>(client, Naming.ManagedSelector, null, loggers, time);
        Deployments = Add<V1Deployment>(client, Naming.ManagedSelector, null, loggers, time);
        DisruptionBudgets = Add<V1PodDisruptionBudget>(client, Naming.ManagedSelector, null, loggers, time);
        ConfigMaps = Add<V1ConfigMap>(client, Naming.ManagedSelector, null, loggers, time);
    }

    public Informer<ChatCell> Cells { get; }

    public Informer<V1Secret> Secrets { get; }

    public Informer<V1Service> Services { get; }

    public Informer<V1StatefulSet> StatefulSets { get; }

    public Informer<V1Deployment> Deployments { get; }

    public Informer<V1PodDisruptionBudget> DisruptionBudgets { get; }

    public Informer<V1ConfigMap> ConfigMaps { get; }

    /// <summary>All caches hold their first list.</summary>
    public bool HasSynced => Cells.HasSynced && Secrets.HasSynced && Services.HasSynced && StatefulSets.HasSynced && Deployments.HasSynced && DisruptionBudgets.HasSynced && ConfigMaps.HasSynced;

    /// <summary>Runs all informers until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(_runs.Select(r => Task.Run(() => r(cancellationToken), CancellationToken.None)));

    /// <summary>Waits for all caches. Planning on half of what is there would tear down the other half.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellationToken) => Task.WhenAll(_syncs.Select(s => s(cancellationToken)));

    private Informer<T> Add<T>(KubernetesClient client, string? selector, TimeSpan? resync, ILoggerFactory loggers, TimeProvider time)
        where T : class, IKubernetesObject
    {
        var informer = new Informer<T>(client.Of<T>(), new InformerOptions { LabelSelector = selector, Resync = resync }, loggers.CreateLogger<Informer<T>>(), time);
        _runs.Add(informer.RunAsync);
        _syncs.Add(informer.WaitForSyncAsync);
        return informer;
    }
}
