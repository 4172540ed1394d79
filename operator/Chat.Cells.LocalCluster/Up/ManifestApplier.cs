using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>Applies manifests by server-side apply, kinds found by discovery.</summary>
public sealed class ManifestApplier(KubernetesClient client, TimeProvider time)
{
    private const string FieldManager = "chat-cells-up";
    private static readonly TimeSpan EstablishWithin = TimeSpan.FromSeconds(30);

    /// <summary>Applies every object in order; waits for each CRD before what comes after it.</summary>
    /// <exception cref="UpException">The API refuses one; the message has its file, kind, name and reason.</exception>
    public async Task ApplyAsync(IReadOnlyList<JsonObject> objects, string source, CancellationToken cancellationToken)
    {
        foreach (var manifest in objects)
        {
            var item = new Unstructured(manifest.DeepClone().AsObject());
            var title = $"{item.Kind} {item.Metadata.Name}";
            try
            {
                var type = await client.Discovery.FindAsync(item.ApiVersion!, item.Kind!, cancellationToken)
                    ?? throw new UpException($"{source}: {title}: the API has no {item.Kind} in {item.ApiVersion}");
                if (type.Namespaced && item.Metadata.Namespace is null)
                {
                    item.Json["metadata"]!["namespace"] = "default";
                }

                await client.Of(type).ApplyAsync(item, FieldManager, cancellationToken);
                if (string.Equals(item.Kind, "CustomResourceDefinition", StringComparison.Ordinal))
                {
                    await WaitUntilEstablishedAsync(item.Metadata.Name!, cancellationToken);
                }
            }
            catch (KubernetesException e)
            {
                throw new UpException($"{source}: {title} is refused: {e.Status.Message ?? e.Message}", e);
            }
        }
    }

    private async Task WaitUntilEstablishedAsync(string name, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < EstablishWithin)
        {
            var definition = await client.Of<V1CustomResourceDefinition>().GetAsync(null, name, cancellationToken);
            if (definition.Status?.Conditions?.Any(condition => condition is { Type: "Established", Status: "True" }) == true)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        }

        throw new UpException($"the custom resource definition {name} was not established within {EstablishWithin.TotalSeconds:0} s.");
    }
}
