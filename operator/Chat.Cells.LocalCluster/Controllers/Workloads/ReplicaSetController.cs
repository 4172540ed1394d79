using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using DeleteOptions = Chat.Cells.Kubernetes.Client.DeleteOptions;
using ObjectKey = Chat.Cells.Kubernetes.Models.ObjectKey;

namespace Chat.Cells.LocalCluster.Controllers.Workloads;

/// <summary>Keeps so many pods of one template. Reads pods from the API itself, never from a cache, so that none is created twice.</summary>
internal sealed class ReplicaSetController(KubernetesClient client, ILogger logger, TimeProvider time)
{
    private readonly ResourceClient<V1ReplicaSet> sets = client.Of<V1ReplicaSet>();
    private readonly ResourceClient<V1Pod> pods = client.Of<V1Pod>();

    public async Task ReconcileAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        if (await sets.TryGetAsync(key.Namespace, key.Name, cancellationToken) is not { } set)
        {
            return;
        }

        var owned = (await pods.ListAsync(key.Namespace, null, cancellationToken)).Items.Where(pod => pod.IsControlledBy(set.Metadata.Uid!)).ToList();
        var (create, delete) = Difference(set, owned);
        for (var i = 0; i < create; i++)
        {
            var name = $"{set.Metadata.Name}-{Suffix()}";
            await pods.CreateAsync(PodFacts.FromTemplate(set.Spec?.Template, set, name, new Dictionary<string, string>(StringComparer.Ordinal)), cancellationToken);
            logger.Created("ReplicaSet", key, "pod", name);
        }

        foreach (var pod in delete)
        {
            await pods.TryDeleteAsync(key.Namespace, pod.Metadata.Name!, cancellationToken, new DeleteOptions { Uid = pod.Metadata.Uid });
            logger.Deleted("ReplicaSet", key, "pod", pod.Metadata.Name!);
        }

        await StatusWriter.WriteAsync(sets, set, set.Status, Status(set, owned, time.GetUtcNow()), cancellationToken);
    }

    /// <summary>How many to create, and which to delete: first those that are over, then unready ones, then the youngest. Pure.</summary>
    internal static (int Create, IReadOnlyList<V1Pod> Delete) Difference(V1ReplicaSet set, IReadOnlyList<V1Pod> owned)
    {
        if (set.Metadata.DeletionTimestamp is not null)
        {
            return (0, []);
        }

        var over = owned.Where(pod => pod.IsOver() && !pod.IsTerminating()).ToList();
        var live = owned.Where(pod => !pod.IsOver() && !pod.IsTerminating()).ToList();
        var surplus = live.Count - (set.Spec?.Replicas ?? 1);
        return surplus >= 0
            ? (0, [.. over, .. live.OrderBy(pod => pod.IsReady()).ThenByDescending(pod => pod.Metadata.CreationTimestamp).ThenBy(pod => pod.Metadata.Name, StringComparer.Ordinal).Take(surplus)])
            : (-surplus, over);
    }

    internal static V1ReplicaSetStatus Status(V1ReplicaSet set, IReadOnlyList<V1Pod> owned, DateTimeOffset now)
    {
        var live = owned.Where(pod => !pod.IsOver() && !pod.IsTerminating()).ToList();
        return new V1ReplicaSetStatus
        {
            Replicas = live.Count,
            FullyLabeledReplicas = live.Count,
            ReadyReplicas = live.Count(pod => pod.IsReady()),
            AvailableReplicas = live.Count(pod => pod.IsAvailable(set.Spec?.MinReadySeconds ?? 0, now)),
            ObservedGeneration = set.Metadata.Generation,
        };
    }

    private static string Suffix() => new(System.Security.Cryptography.RandomNumberGenerator.GetItems<char>("bcdfghjklmnpqrstvwxz2456789", 5));
}
