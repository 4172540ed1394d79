using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using DeleteOptions = Chat.Cells.Kubernetes.Client.DeleteOptions;
using ObjectKey = Chat.Cells.Kubernetes.Models.ObjectKey;

namespace Chat.Cells.LocalCluster.Controllers.Workloads;

/// <summary>Carries out <see cref="DeploymentPlan"/>.</summary>
internal sealed class DeploymentController(KubernetesClient client, ILogger logger, TimeProvider time)
{
    private readonly ResourceClient<V1Deployment> deployments = client.Of<V1Deployment>();
    private readonly ResourceClient<V1ReplicaSet> sets = client.Of<V1ReplicaSet>();

    public async Task ReconcileAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        if (await deployments.TryGetAsync(key.Namespace, key.Name, cancellationToken) is not { } deployment)
        {
            return;
        }

        var plan = DeploymentPlan.Make(deployment, (await sets.ListAsync(key.Namespace, null, cancellationToken)).Items, time.GetUtcNow());
        if (plan.Create is not null)
        {
            await sets.CreateAsync(plan.Create, cancellationToken);
            logger.Created("Deployment", key, "replica set", plan.Create.Metadata.Name!);
        }

        foreach (var (set, replicas) in plan.Scale)
        {
            await sets.MergePatchAsync(key.Namespace, set.Metadata.Name!, new JsonObject
            {
                ["metadata"] = new JsonObject { ["resourceVersion"] = set.Metadata.ResourceVersion },
                ["spec"] = new JsonObject { ["replicas"] = replicas },
            }, cancellationToken);
            logger.Scaled("Deployment", key, set.Metadata.Name!, replicas);
        }

        foreach (var set in plan.Delete)
        {
            await sets.TryDeleteAsync(key.Namespace, set.Metadata.Name!, cancellationToken, new DeleteOptions { Uid = set.Metadata.Uid });
            logger.Deleted("Deployment", key, "replica set", set.Metadata.Name!);
        }

        await StatusWriter.WriteAsync(deployments, deployment, deployment.Status, plan.Status, cancellationToken);
    }
}
