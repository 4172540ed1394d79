using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator.Apply;

/// <summary>Publishes the cell map: the first ConfigMap at exactly the version that was seen, then its copies in the cells' namespaces.</summary>
public sealed partial class MapWriter(KubernetesClient client, ObjectApplier applier, ILogger<MapWriter> logger)
{
    /// <summary>Writes the first ConfigMap.</summary>
    /// <exception cref="KubernetesException">A conflict: somebody else was first.</exception>
    public async Task WriteFirstAsync(string ns, MapState state, V1ConfigMap? live, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        var map = Empty(ns) with { Data = state.ToData() };
        LogPublishing(state.Map!.Version, state.Map.Cells.Count);
        if (live is null)
        {
            // Never by apply: it would overwrite a map that a cache has not seen yet, and the numbers in it.
            await client.Of<V1ConfigMap>().CreateAsync(map, cancellationToken, new WriteOptions { FieldManager = Naming.FieldManager });
            return;
        }
        await client.Of<V1ConfigMap>().ApplyAsync(
            map with { Metadata = map.Metadata with { ResourceVersion = live.Metadata.ResourceVersion } }, Naming.FieldManager, cancellationToken);
    }

    /// <summary>Brings a copy up to date; true when it wrote.</summary>
    public Task<bool> WriteCopyAsync(string ns, MapState state, V1ConfigMap? live, CancellationToken cancellationToken) =>
        applier.ApplyAsync(DesiredObject.From(Empty(ns) with { Data = state.ToData() }, live), cancellationToken);

    /// <summary>Removes a copy from a namespace without cells.</summary>
    public Task DeleteCopyAsync(V1ConfigMap copy, CancellationToken cancellationToken) => applier.DeleteAsync(Obsolete.From(copy), cancellationToken);

    private static V1ConfigMap Empty(string ns) => new()
    {
        Metadata = new V1ObjectMeta
        {
            Namespace = ns,
            Name = Naming.MapName,
            Labels = new SortedDictionary<string, string>(StringComparer.Ordinal) { [Naming.AppLabel] = Naming.MapApp, [Naming.ManagedByLabel] = Naming.FieldManager },
        },
    };

    [LoggerMessage(1, LogLevel.Information, "Publishing cell map version {Version} with {Cells} cells")]
    private partial void LogPublishing(long version, int cells);
}
