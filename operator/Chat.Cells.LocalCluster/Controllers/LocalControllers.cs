using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Kubernetes.Queues;
using Chat.Cells.LocalCluster.Controllers.Services;
using Chat.Cells.LocalCluster.Controllers.Workloads;
using Chat.Cells.LocalCluster.PodRunner;
using ObjectKey = Chat.Cells.Kubernetes.Models.ObjectKey;

namespace Chat.Cells.LocalCluster.Controllers;

/// <summary>The workload and endpoint controllers of this cluster: informers put keys into queues, one loop per kind takes them out.</summary>
public sealed class LocalControllers
{
    // Also without any change, for what depends on time alone (minReadySeconds, deadlines) and for a write that was lost.
    private static readonly TimeSpan Resync = TimeSpan.FromSeconds(30);
    private readonly List<Func<CancellationToken, Task>> loops = [];

    /// <summary>Registers with fresh caches; nothing runs before <see cref="RunAsync"/>.</summary>
    public LocalControllers(KubernetesClient client, ILogger logger, TimeProvider time)
    {
        var options = ClusterObjects.Options with { Resync = Resync };
        var statefulSets = new Informer<V1StatefulSet>(client.Of<V1StatefulSet>(), options, logger, time);
        var deployments = new Informer<V1Deployment>(client.Of<V1Deployment>(), options, logger, time);
        var replicaSets = new Informer<V1ReplicaSet>(client.Of<V1ReplicaSet>(), options, logger, time);
        var services = new Informer<V1Service>(client.Of<V1Service>(), options, logger, time);
        var pods = new Informer<V1Pod>(client.Of<V1Pod>(), ClusterObjects.Options, logger, time);

        var statefulSetQueue = Queue(time);
        var deploymentQueue = Queue(time);
        var replicaSetQueue = Queue(time);
        var serviceQueue = Queue(time);

        Follow(statefulSets, item => statefulSetQueue.Add(ObjectKey.Of(item)));
        Follow(deployments, item => deploymentQueue.Add(ObjectKey.Of(item)));
        Follow(services, item => serviceQueue.Add(ObjectKey.Of(item)));
        Follow(replicaSets, item =>
        {
            replicaSetQueue.Add(ObjectKey.Of(item));
            AddController(item.Metadata, "Deployment", deploymentQueue);
        });
        Follow(pods, pod =>
        {
            AddController(pod.Metadata, "StatefulSet", statefulSetQueue);
            AddController(pod.Metadata, "ReplicaSet", replicaSetQueue);
            foreach (var service in services.Lister.List(pod.Metadata.Namespace))
            {
                if (LabelSelectors.Matches(service.Spec?.Selector, pod.Metadata.Labels))
                {
                    serviceQueue.Add(ObjectKey.Of(service));
                }
            }
        });

        var statefulSetController = new StatefulSetController(client, logger, time);
        var replicaSetController = new ReplicaSetController(client, logger, time);
        var deploymentController = new DeploymentController(client, logger, time);
        var endpointSliceController = new EndpointSliceController(client, services.Lister, pods.Lister);
        loops.Add(statefulSets.RunAsync);
        loops.Add(deployments.RunAsync);
        loops.Add(replicaSets.RunAsync);
        loops.Add(services.RunAsync);
        loops.Add(pods.RunAsync);
        loops.Add(token => QueueLoop.RunAsync(statefulSetQueue, "StatefulSet", statefulSetController.ReconcileAsync, logger, token));
        loops.Add(token => QueueLoop.RunAsync(replicaSetQueue, "ReplicaSet", replicaSetController.ReconcileAsync, logger, token));
        loops.Add(token => QueueLoop.RunAsync(deploymentQueue, "Deployment", deploymentController.ReconcileAsync, logger, token));
        loops.Add(async token =>
        {
            // Endpoints come from caches: before they are full they would take every address away.
            await Task.WhenAll(services.WaitForSyncAsync(token), pods.WaitForSyncAsync(token));
            await QueueLoop.RunAsync(serviceQueue, "Endpoints of Service", endpointSliceController.ReconcileAsync, logger, token);
        });
    }

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(loops.Select(loop => loop(cancellationToken)));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
    }

    private static RateLimitingQueue<ObjectKey> Queue(TimeProvider time) => new(time, TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(10));

    private static void Follow<T>(Informer<T> informer, Action<T> changed)
        where T : class, IKubernetesObject => informer.AddHandlers(changed, (old, now) =>
        {
            changed(now);
            if (!ReferenceEquals(old, now) && !LabelsEqual(old, now))
            {
                changed(old); // what selected it before must let go
            }
        }, changed);

    private static bool LabelsEqual(IKubernetesObject a, IKubernetesObject b) =>
        LabelSelectors.Matches(a.Metadata.Labels, b.Metadata.Labels) && LabelSelectors.Matches(b.Metadata.Labels, a.Metadata.Labels);

    private static void AddController(V1ObjectMeta metadata, string kind, RateLimitingQueue<ObjectKey> queue)
    {
        if (PodFacts.ControllerOf(metadata) is { } owner && string.Equals(owner.Kind, kind, StringComparison.Ordinal))
        {
            queue.Add(new ObjectKey(metadata.Namespace, owner.Name));
        }
    }
}
