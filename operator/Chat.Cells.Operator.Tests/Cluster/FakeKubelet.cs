using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Plan;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Operator.Tests.Cluster;

/// <summary>Says of every StatefulSet and Deployment of ours that its pods are ready, and makes the claim of a StatefulSet.</summary>
public sealed class FakeKubelet : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly KubernetesClient _client;
    private readonly Task _run;

    public FakeKubelet(TestCluster cluster)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        _client = new KubernetesClient(cluster.Configuration);
        _run = Task.WhenAll(WorkAsync(_client.Of<V1StatefulSet>()), WorkAsync(_client.Of<V1Deployment>()));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _client.Dispose();
        _stop.Dispose();
    }

    private async Task WorkAsync<T>(ResourceClient<T> client)
        where T : class, IKubernetesObject
    {
        var changes = System.Threading.Channels.Channel.CreateUnbounded<T>();
        var informer = new Informer<T>(client, new InformerOptions { LabelSelector = Naming.ManagedSelector }, NullLogger.Instance);
        informer.AddHandlers(o => changes.Writer.TryWrite(o), (_, o) => changes.Writer.TryWrite(o));
        var watch = informer.RunAsync(_stop.Token);
        try
        {
            await foreach (var value in changes.Reader.ReadAllAsync(_stop.Token))
            {
                await ReadyAsync(client, value);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            await watch;
        }
    }

    private async Task ReadyAsync<T>(ResourceClient<T> client, T value)
        where T : class, IKubernetesObject
    {
        var observed = value switch
        {
            V1StatefulSet s => s.Status?.ReadyReplicas == Wanted(value) ? s.Status.ObservedGeneration : null,
            V1Deployment d => d.Status?.ReadyReplicas == 1 ? d.Status.ObservedGeneration : null,
            _ => null,
        };
        if (observed == value.Metadata.Generation)
        {
            return;
        }
        var wanted = Wanted(value);
        var status = new JsonObject { ["replicas"] = wanted, ["readyReplicas"] = wanted, ["updatedReplicas"] = wanted, ["availableReplicas"] = wanted, ["observedGeneration"] = value.Metadata.Generation };
        try
        {
            if (value is V1StatefulSet { Spec.VolumeClaimTemplates.Count: > 0 })
            {
                await ClaimAsync(value);
            }
            await client.MergePatchAsync(value.Metadata.Namespace, value.Metadata.Name!, new JsonObject { ["status"] = status }, _stop.Token, subresource: "status");
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            // Gone meanwhile.
            return;
        }
    }

    private static int Wanted(IKubernetesObject value) => value is V1StatefulSet set ? set.Spec?.Replicas ?? 1 : 1;

    private async Task ClaimAsync(IKubernetesObject set)
    {
        var claims = _client.Of<V1PersistentVolumeClaim>();
        var name = Naming.Claim(set.Metadata.Name!);
        if (await claims.TryGetAsync(set.Metadata.Namespace, name, _stop.Token) is null)
        {
            await claims.CreateAsync(
                new V1PersistentVolumeClaim
                {
                    Metadata = new V1ObjectMeta { Name = name, Namespace = set.Metadata.Namespace },
                    Spec = new V1PersistentVolumeClaimSpec
                    {
                        AccessModes = ["ReadWriteOnce"],
                        Resources = new V1ResourceRequirements { Requests = new Dictionary<string, Quantity> { ["storage"] = "1Gi" } },
                    },
                },
                _stop.Token);
        }
    }
}
