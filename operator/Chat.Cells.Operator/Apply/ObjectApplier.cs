using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator.Apply;

/// <summary>
/// Server-side apply with one field manager, and only when there is something to change: the object carries the hash of what was applied last, and its fields are compared with what was
/// seen, so that both a changed plan and a changed object are put right and nothing else is written.
/// </summary>
public sealed partial class ObjectApplier(KubernetesClient client, ILogger<ObjectApplier> logger)
{
    /// <summary>Annotation with the hash of what was applied.</summary>
    public const string HashAnnotation = ChatCell.GroupName + "/applied";

    // What the server made of an apply, where it writes values in its own way (1000m becomes 1).
    private readonly ConcurrentDictionary<string, (string Hash, string Fields)> _asServed = new();

    /// <summary>Applies an object unless it is as it should be; true when it wrote.</summary>
    public async Task<bool> ApplyAsync(DesiredObject desired, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(desired);
        var hash = Convert.ToHexStringLower(SHA256.HashData(KubernetesJson.ToBytes(desired.Json)))[..16];
        if (desired.Live is not null && IsCurrent(desired, hash))
        {
            return false;
        }
        var json = desired.Json.DeepClone().AsObject();
        var metadata = json["metadata"]!.AsObject();
        var annotations = metadata["annotations"] as JsonObject;
        if (annotations is null)
        {
            metadata["annotations"] = annotations = [];
        }
        annotations[HashAnnotation] = hash;
        LogApplying(desired.Type.Kind, desired.Key);
        var served = await client.Of(desired.Type).ApplyAsync(new Unstructured(json), Naming.FieldManager, cancellationToken);
        _asServed[served.Metadata.Uid ?? desired.Key.ToString()] = (hash, Project(served.Json, desired.Json)?.ToJsonString() ?? string.Empty);
        return true;
    }

    /// <summary>Deletes an object, but only the one that was seen.</summary>
    public async Task DeleteAsync(Obsolete obsolete, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(obsolete);
        LogDeleting(obsolete.Type.Kind, obsolete.Key);
        await client.Of(obsolete.Type).TryDeleteAsync(
            obsolete.Key.Namespace, obsolete.Key.Name, cancellationToken, new DeleteOptions { Uid = obsolete.Uid, PropagationPolicy = PropagationPolicy.Background });
    }

    private bool IsCurrent(DesiredObject desired, string hash)
    {
        var live = desired.Live!;
        if (live.Metadata.Annotation(HashAnnotation) != hash)
        {
            return false;
        }
        var fields = Project(KubernetesJson.ToNode<object>(live), desired.Json);
        return JsonNode.DeepEquals(fields, desired.Json)
            || (_asServed.TryGetValue(live.Metadata.Uid ?? desired.Key.ToString(), out var served) && served.Hash == hash && served.Fields == fields?.ToJsonString());
    }

    /// <summary>Of an object only the fields that another names; lists of the same length element by element.</summary>
    internal static JsonNode? Project(JsonNode? live, JsonNode? desired)
    {
        switch (live, desired)
        {
            case (JsonObject has, JsonObject wants):
                var fields = new JsonObject();
                foreach (var (name, value) in wants)
                {
                    if (has.TryGetPropertyValue(name, out var own))
                    {
                        fields[name] = Project(own, value);
                    }
                }
                return fields;
            case (JsonArray has, JsonArray wants) when has.Count == wants.Count:
                return new JsonArray([.. has.Select((item, i) => Project(item, wants[i]))]);
            default:
                return live?.DeepClone();
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Applying {Kind} {Key}")]
    private partial void LogApplying(string kind, ObjectKey key);

    [LoggerMessage(2, LogLevel.Information, "Deleting {Kind} {Key}")]
    private partial void LogDeleting(string kind, ObjectKey key);
}
