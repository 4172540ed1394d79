using System.Text;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>The caches that the runner looks into: pods, and what pods refer to. They hold their last state while the API is down.</summary>
public sealed class ClusterObjects : IPodObjects
{
    /// <summary>After the API comes back nobody should wait for half a minute.</summary>
    internal static readonly InformerOptions Options = new() { BackOff = TimeSpan.FromMilliseconds(250), LongestBackOff = TimeSpan.FromSeconds(2) };

    private readonly Informer<V1ConfigMap> configMaps;
    private readonly Informer<V1Secret> secrets;

    /// <summary>Makes the caches; nothing is read before <see cref="RunAsync"/>.</summary>
    public ClusterObjects(KubernetesClient client, ILogger logger, TimeProvider time)
    {
        Pods = new Informer<Unstructured>(client.Of(ResourceType.Of<V1Pod>()), Options, logger, time);
        configMaps = new Informer<V1ConfigMap>(client.Of<V1ConfigMap>(), Options, logger, time);
        secrets = new Informer<V1Secret>(client.Of<V1Secret>(), Options, logger, time);
        Claims = new Informer<V1PersistentVolumeClaim>(client.Of<V1PersistentVolumeClaim>(), Options, logger, time);
    }

    /// <summary>All pods.</summary>
    public Informer<Unstructured> Pods { get; }

    /// <summary>All claims.</summary>
    public Informer<V1PersistentVolumeClaim> Claims { get; }

    /// <summary>Calls back with the namespace when a ConfigMap, Secret or claim changes. Call before <see cref="RunAsync"/>.</summary>
    public void OnConfigChanged(Action<string?> changed)
    {
        configMaps.AddHandlers(o => changed(o.Metadata.Namespace), (_, o) => changed(o.Metadata.Namespace), o => changed(o.Metadata.Namespace));
        secrets.AddHandlers(o => changed(o.Metadata.Namespace), (_, o) => changed(o.Metadata.Namespace), o => changed(o.Metadata.Namespace));
        Claims.AddHandlers(o => changed(o.Metadata.Namespace), (_, o) => changed(o.Metadata.Namespace), o => changed(o.Metadata.Namespace));
    }

    /// <summary>Keeps the caches up to date until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Pods.RunAsync(cancellationToken), configMaps.RunAsync(cancellationToken), secrets.RunAsync(cancellationToken), Claims.RunAsync(cancellationToken));

    /// <summary>Completes when every cache has been filled once.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Pods.WaitForSyncAsync(cancellationToken), configMaps.WaitForSyncAsync(cancellationToken), secrets.WaitForSyncAsync(cancellationToken), Claims.WaitForSyncAsync(cancellationToken));

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, byte[]>? ConfigMap(string @namespace, string name)
    {
        if (configMaps.Lister.Get(@namespace, name) is not { } map)
        {
            return null;
        }

        var data = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (key, value) in map.BinaryData ?? new Dictionary<string, byte[]>())
        {
            data[key] = value;
        }

        foreach (var (key, value) in map.Data ?? new Dictionary<string, string>())
        {
            data[key] = Encoding.UTF8.GetBytes(value);
        }

        return data;
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, byte[]>? Secret(string @namespace, string name) =>
        secrets.Lister.Get(@namespace, name) is { } secret ? secret.Data ?? new Dictionary<string, byte[]>() : null;

    /// <inheritdoc/>
    public string? ClaimProblem(string @namespace, string claim) => Claims.Lister.Get(@namespace, claim) switch
    {
        null => $"persistentvolumeclaim \"{claim}\" not found",
        { Metadata.DeletionTimestamp: not null } => $"persistentvolumeclaim \"{claim}\" is being deleted",
        { Status.Phase: not "Bound" } => $"waiting for persistentvolumeclaim \"{claim}\" to be bound",
        _ => null,
    };
}
