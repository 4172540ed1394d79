using Chat.Cells.LocalCluster.PodRunner.Spec;

namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>What this cluster's pod runner will not do for a pod: said to whoever writes it, before anything runs.</summary>
internal static class PodWarnings
{
    /// <summary>The warnings for a pod's spec at <paramref name="path"/> of an object.</summary>
    public static IEnumerable<string> Of(JsonObject spec, string path)
    {
        PodObject pod;
        try
        {
            pod = PodObject.Parse(new JsonObject { ["metadata"] = new JsonObject(), ["spec"] = spec.DeepClone() });
        }
        catch (JsonException e)
        {
            // Deep parts are stored as they come; the runner passes such a pod over.
            return [$"{path}: not supported here: the pod cannot be read ({e.Path}); it will not start"];
        }

        var warnings = new List<string>();
        if (PodSupport.Refusal(pod) is { } refusal)
        {
            warnings.Add($"{path}: {refusal}; the pod will not start");
        }

        if (PodFields.WithoutEffect(pod) is { Count: > 0 } fields)
        {
            warnings.Add($"{path}: without effect here: {string.Join(", ", fields)}");
        }

        return warnings;
    }
}
