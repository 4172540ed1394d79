using System.Security.Cryptography;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.LocalCluster.Controllers.Workloads;

/// <summary>What controllers ask about pods.</summary>
internal static class PodFacts
{
    public static bool IsTerminating(this V1Pod pod) => pod.Metadata.DeletionTimestamp is not null;

    public static bool IsOver(this V1Pod pod) => pod.Status?.Phase is "Succeeded" or "Failed";

    public static bool IsReady(this V1Pod pod) => ReadyCondition(pod) is { Status: "True" };

    public static bool IsAvailable(this V1Pod pod, int minReadySeconds, DateTimeOffset now) =>
        ReadyCondition(pod) is { Status: "True" } ready && (minReadySeconds == 0 || (ready.LastTransitionTime ?? now).AddSeconds(minReadySeconds) <= now);

    public static bool IsControlledBy(this V1Pod pod, string uid) => ControllerOf(pod.Metadata)?.Uid == uid;

    public static V1OwnerReference? ControllerOf(V1ObjectMeta metadata) => metadata.OwnerReferences?.FirstOrDefault(owner => owner.Controller == true);

    public static V1OwnerReference OwnedBy(KubernetesObject owner) => new()
    {
        ApiVersion = owner.ApiVersion!,
        Kind = owner.Kind!,
        Name = owner.Metadata.Name!,
        Uid = owner.Metadata.Uid!,
        Controller = true,
        BlockOwnerDeletion = true,
    };

    /// <summary>A hash of a pod template that is the same for the same template, in letters that names may have.</summary>
    public static string Hash(V1PodTemplateSpec? template)
    {
        const string letters = "bcdfghjklmnpqrstvwxz2456789";
        var digest = SHA256.HashData(KubernetesJson.ToBytes(Sorted(KubernetesJson.ToNode(template ?? new V1PodTemplateSpec()))));
        return string.Create(10, digest, static (text, bytes) =>
        {
            for (var i = 0; i < text.Length; i++)
            {
                text[i] = letters[bytes[i] % letters.Length];
            }
        });
    }

    /// <summary>The template's pod with more labels and its owner.</summary>
    public static V1Pod FromTemplate(V1PodTemplateSpec? template, KubernetesObject owner, string name, IReadOnlyDictionary<string, string> labels)
    {
        var all = new Dictionary<string, string>(template?.Metadata.Labels ?? new Dictionary<string, string>(), StringComparer.Ordinal);
        foreach (var (key, value) in labels)
        {
            all[key] = value;
        }

        return new V1Pod
        {
            Metadata = new V1ObjectMeta
            {
                Name = name,
                Namespace = owner.Metadata.Namespace,
                Labels = all,
                Annotations = template?.Metadata.Annotations,
                OwnerReferences = [OwnedBy(owner)],
            },
            Spec = template?.Spec ?? new V1PodSpec(),
        };
    }

    // The order of fields is the writer's, not the template's.
    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject fields => new JsonObject(fields.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => KeyValuePair.Create(field.Key, Sorted(field.Value)))),
        JsonArray items => new JsonArray([.. items.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    private static V1PodCondition? ReadyCondition(V1Pod pod) => pod.Status?.Conditions?.FirstOrDefault(condition => string.Equals(condition.Type, "Ready", StringComparison.Ordinal));
}
