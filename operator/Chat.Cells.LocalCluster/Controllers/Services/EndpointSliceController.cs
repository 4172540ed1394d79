using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;
using ObjectKey = Chat.Cells.Kubernetes.Models.ObjectKey;

namespace Chat.Cells.LocalCluster.Controllers.Services;

/// <summary>Keeps the EndpointSlices of Services as their pods come and go.</summary>
internal sealed class EndpointSliceController(KubernetesClient client, Lister<V1Service> services, Lister<V1Pod> pods)
{
    private readonly ResourceClient<V1EndpointSlice> slices = client.Of<V1EndpointSlice>();

    public async Task ReconcileAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        if (services.Get(key) is not { } service)
        {
            return; // its slices go with it, by their owner
        }

        var wanted = EndpointSlicePlan.Make(service, pods.List(key.Namespace)).ToDictionary(slice => slice.Metadata.Name!, StringComparer.Ordinal);
        var present = (await slices.ListAsync(key.Namespace, new ListOptions { LabelSelector = $"{EndpointSlicePlan.ServiceNameLabel}={key.Name},{EndpointSlicePlan.ManagedByLabel}={EndpointSlicePlan.ManagedBy}" }, cancellationToken)).Items;
        foreach (var slice in present)
        {
            if (!wanted.Remove(slice.Metadata.Name!, out var want))
            {
                await slices.TryDeleteAsync(key.Namespace, slice.Metadata.Name!, cancellationToken);
            }
            else if (!Same(slice, want))
            {
                await slices.UpdateAsync(want with { Metadata = want.Metadata with { ResourceVersion = slice.Metadata.ResourceVersion } }, cancellationToken);
            }
        }

        foreach (var want in wanted.Values)
        {
            await slices.CreateAsync(want, cancellationToken);
        }
    }

    private static bool Same(V1EndpointSlice a, V1EndpointSlice b) =>
        KubernetesJson.ToBytes(a.Endpoints).AsSpan().SequenceEqual(KubernetesJson.ToBytes(b.Endpoints)) && KubernetesJson.ToBytes(a.Ports).AsSpan().SequenceEqual(KubernetesJson.ToBytes(b.Ports))
        && a.Metadata.OwnerReferences?.FirstOrDefault()?.Uid == b.Metadata.OwnerReferences?.FirstOrDefault()?.Uid;
}
