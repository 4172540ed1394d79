using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using DeleteOptions = Chat.Cells.Kubernetes.Client.DeleteOptions;
using ObjectKey = Chat.Cells.Kubernetes.Models.ObjectKey;

namespace Chat.Cells.LocalCluster.Controllers.Workloads;

/// <summary>Carries out <see cref="StatefulSetPlan"/>. Reads pods and claims from the API itself, never from a cache, so that no step is taken twice.</summary>
internal sealed class StatefulSetController(KubernetesClient client, ILogger logger, TimeProvider time)
{
    private readonly ResourceClient<V1StatefulSet> sets = client.Of<V1StatefulSet>();
    private readonly ResourceClient<V1Pod> pods = client.Of<V1Pod>();
    private readonly ResourceClient<V1PersistentVolumeClaim> claims = client.Of<V1PersistentVolumeClaim>();

    public async Task ReconcileAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        if (await sets.TryGetAsync(key.Namespace, key.Name, cancellationToken) is not { } set)
        {
            return;
        }

        var plan = StatefulSetPlan.Make(set, (await pods.ListAsync(key.Namespace, null, cancellationToken)).Items,
            (await claims.ListAsync(key.Namespace, null, cancellationToken)).Items, time.GetUtcNow());
        if (plan.Refusal is not null)
        {
            logger.Refused("StatefulSet", key, plan.Refusal);
        }

        foreach (var claim in plan.CreateClaims)
        {
            await claims.CreateAsync(claim, cancellationToken);
            logger.Created("StatefulSet", key, "claim", claim.Metadata.Name!);
        }

        foreach (var pod in plan.CreatePods)
        {
            await pods.CreateAsync(pod, cancellationToken);
            logger.Created("StatefulSet", key, "pod", pod.Metadata.Name!);
        }

        foreach (var pod in plan.DeletePods)
        {
            await pods.TryDeleteAsync(key.Namespace, pod.Metadata.Name!, cancellationToken, new DeleteOptions { Uid = pod.Metadata.Uid });
            logger.Deleted("StatefulSet", key, "pod", pod.Metadata.Name!);
        }

        foreach (var claim in plan.DeleteClaims)
        {
            await claims.TryDeleteAsync(key.Namespace, claim, cancellationToken);
            logger.Deleted("StatefulSet", key, "claim", claim);
        }

        await StatusWriter.WriteAsync(sets, set, set.Status, plan.Status, cancellationToken);
    }
}

/// <summary>Writes a status when it differs from the one that is there.</summary>
internal static class StatusWriter
{
    public static async Task WriteAsync<T, TStatus>(ResourceClient<T> client, T owner, TStatus? before, TStatus now, CancellationToken cancellationToken)
        where T : KubernetesObject
        where TStatus : KubernetesModel
    {
        if (before is not null && KubernetesJson.ToBytes(before).AsSpan().SequenceEqual(KubernetesJson.ToBytes(now)))
        {
            return;
        }

        await client.MergePatchAsync(owner.Metadata.Namespace, owner.Metadata.Name!,
            new JsonObject { ["metadata"] = new JsonObject { ["uid"] = owner.Metadata.Uid }, ["status"] = KubernetesJson.ToNode(now) }, cancellationToken, subresource: "status");
    }
}

internal static partial class ControllerLog
{
    [LoggerMessage(50, LogLevel.Information, "{Kind} {Key}: created {What} {Name}")]
    public static partial void Created(this ILogger logger, string kind, ObjectKey key, string what, string name);

    [LoggerMessage(51, LogLevel.Information, "{Kind} {Key}: deleted {What} {Name}")]
    public static partial void Deleted(this ILogger logger, string kind, ObjectKey key, string what, string name);

    [LoggerMessage(52, LogLevel.Warning, "{Kind} {Key}: {Refusal}")]
    public static partial void Refused(this ILogger logger, string kind, ObjectKey key, string refusal);

    [LoggerMessage(53, LogLevel.Information, "{Kind} {Key}: {Name} goes to {Replicas} replicas")]
    public static partial void Scaled(this ILogger logger, string kind, ObjectKey key, string name, int replicas);
}
