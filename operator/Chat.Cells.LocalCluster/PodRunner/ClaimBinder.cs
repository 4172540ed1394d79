using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Kubernetes.Queues;
using Chat.Cells.LocalCluster.Controllers;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using Chat.Cells.LocalCluster.PodRunner.Volumes;
using ObjectKey = Chat.Cells.Kubernetes.Models.ObjectKey;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>
/// Gives every PersistentVolumeClaim a folder, and takes it away only when it has seen the claim deleted: a finalizer holds the claim until then, so that no
/// lost or empty answer of the API ever costs data.
/// </summary>
public sealed class ClaimBinder
{
    /// <summary>Holds a claim until its folder is gone.</summary>
    public const string Finalizer = "local.chatcells.io/folder";

    private readonly ResourceClient<V1PersistentVolumeClaim> claims;
    private readonly ClusterObjects objects;
    private readonly string claimsFolder;
    private readonly ILogger logger;
    private readonly RateLimitingQueue<ObjectKey> queue;

    /// <summary>Registers with the caches; call before they run.</summary>
    public ClaimBinder(KubernetesClient client, ClusterObjects objects, string claimsFolder, ILogger logger, TimeProvider time)
    {
        claims = client.Of<V1PersistentVolumeClaim>();
        this.objects = objects;
        this.claimsFolder = claimsFolder;
        this.logger = logger;
        queue = new RateLimitingQueue<ObjectKey>(time, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));
        objects.Claims.AddHandlers(claim => queue.Add(ObjectKey.Of(claim)), (_, claim) => queue.Add(ObjectKey.Of(claim)));
    }

    /// <summary>Binds and cleans up until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => QueueLoop.RunAsync(queue, "A claim", ReconcileAsync, logger, cancellationToken);

    private async Task ReconcileAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        if (objects.Claims.Lister.Get(key) is not { } claim || key.Namespace is not { } ns)
        {
            return;
        }

        var folder = PodVolumes.ClaimFolder(claimsFolder, ns, key.Name);
        var finalizers = claim.Metadata.Finalizers ?? [];
        if (claim.Metadata.DeletionTimestamp is not null)
        {
            if (!finalizers.Contains(Finalizer))
            {
                return;
            }

            if (IsUsed(ns, key.Name))
            {
                queue.AddAfter(key, TimeSpan.FromSeconds(1)); // as in a cluster: a claim goes after its last pod
                return;
            }

            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            logger.ClaimDeleted(key.ToString(), folder);
            await SetFinalizersAsync(claim, [.. finalizers.Where(finalizer => !string.Equals(finalizer, Finalizer, StringComparison.Ordinal))], cancellationToken);
            return;
        }

        if (!finalizers.Contains(Finalizer))
        {
            await SetFinalizersAsync(claim, [.. finalizers, Finalizer], cancellationToken);
            return; // the update brings it back here, with the finalizer sure to be stored before the folder holds anything
        }

        Directory.CreateDirectory(folder);
        if (!string.Equals(claim.Status?.Phase, "Bound", StringComparison.Ordinal))
        {
            var storage = KubernetesJson.ToNode(claim)["spec"]?["resources"]?["requests"]?["storage"];
            var status = new JsonObject { ["phase"] = "Bound", ["accessModes"] = new JsonArray([.. (claim.Spec?.AccessModes ?? []).Select(mode => (JsonNode)mode)]) };
            if (storage is not null)
            {
                status["capacity"] = new JsonObject { ["storage"] = storage.DeepClone() };
            }

            await claims.MergePatchAsync(ns, key.Name, new JsonObject { ["status"] = status }, cancellationToken, subresource: "status");
            logger.ClaimBound(key.ToString(), folder);
        }
    }

    private bool IsUsed(string ns, string claim) => objects.Pods.Lister.List(ns).Any(pod =>
        PodObject.Parse(pod.Json).Spec.Volumes?.Any(volume => string.Equals(volume.PersistentVolumeClaim?.ClaimName, claim, StringComparison.Ordinal)) == true);

    private Task SetFinalizersAsync(V1PersistentVolumeClaim claim, List<string> finalizers, CancellationToken cancellationToken) =>
        claims.MergePatchAsync(claim.Metadata.Namespace, claim.Metadata.Name!, new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["resourceVersion"] = claim.Metadata.ResourceVersion,
                ["finalizers"] = new JsonArray([.. finalizers.Select(finalizer => (JsonNode)finalizer)]),
            },
        }, cancellationToken);
}
