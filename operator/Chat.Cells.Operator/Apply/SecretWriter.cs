using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator.Apply;

/// <summary>
/// Writes a cell's secret. Not by server-side apply: a plan made from a cache that is a moment behind would replace a key that was just made. It is created, or
/// patched at exactly the version that was seen; else the server answers with a conflict and the plan is made anew.
/// </summary>
public sealed partial class SecretWriter(KubernetesClient client, ILogger<SecretWriter> logger)
{
    private static readonly WriteOptions Options = new() { FieldManager = Naming.FieldManager };

    /// <summary>Carries out a change. Names of entries are logged, values never.</summary>
    /// <exception cref="KubernetesException">A conflict: somebody else was first.</exception>
    public async Task WriteAsync(SecretChange change, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(change);
        var key = ObjectKey.Of(change.Empty);
        LogChanging(key, string.Join(", ", change.Add.Keys), string.Join(", ", change.Remove));
        if (change.Live is null)
        {
            await client.Of<V1Secret>().CreateAsync(change.Empty with { Data = change.Add }, cancellationToken, Options);
            return;
        }
        var data = new JsonObject();
        foreach (var (name, value) in change.Add)
        {
            data[name] = Convert.ToBase64String(value);
        }
        foreach (var name in change.Remove)
        {
            data[name] = null;
        }
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["resourceVersion"] = change.Live.Metadata.ResourceVersion }, ["data"] = data };
        await client.Of<V1Secret>().MergePatchAsync(key.Namespace, key.Name, patch, cancellationToken, options: Options);
    }

    [LoggerMessage(1, LogLevel.Information, "Changing secret {Key}: adding [{Added}], removing [{Removed}]")]
    private partial void LogChanging(ObjectKey key, string added, string removed);
}
