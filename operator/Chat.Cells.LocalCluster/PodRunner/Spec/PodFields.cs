namespace Chat.Cells.LocalCluster.PodRunner.Spec;

/// <summary>
/// The fields of a pod that the runner does not read. What only limits, isolates or places a pod is left aside, and said (<see cref="WithoutEffect"/>); a value that asks for
/// what happens here anyway needs no word; everything else would change what the program sees or when it runs, and is refused (<see cref="PodSupport"/>), fields that nobody thought of among it.
/// </summary>
internal static class PodFields
{
    /// <summary>What becomes of a field that is not read.</summary>
    internal enum Fate
    {
        /// <summary>The pod is refused.</summary>
        Refused,

        /// <summary>The pod runs without it, and is told so.</summary>
        WithoutEffect,

        /// <summary>It asks for nothing else than what happens.</summary>
        AsItIs,
    }

    private static readonly string[] PodWithoutEffect =
        ["affinity", "dnsConfig", "imagePullSecrets", "overhead", "preemptionPolicy", "priority", "priorityClassName", "resources", "securityContext", "setHostnameAsFQDN", "shareProcessNamespace", "subdomain", "tolerations", "topologySpreadConstraints"];

    private static readonly string[] ContainerWithoutEffect = ["resizePolicy", "resources", "securityContext"];

    /// <summary>A field of the pod's spec.</summary>
    public static Fate Pod(string name, JsonElement value) => name switch
    {
        "hostUsers" => value.ValueKind == JsonValueKind.False ? Fate.WithoutEffect : Fate.AsItIs,
        _ when IsUnset(value) => Fate.AsItIs,
        "serviceAccount" => Fate.AsItIs, // the older name of serviceAccountName
        "enableServiceLinks" => Fate.AsItIs, // there are none, and true is what an API server fills in
        "dnsPolicy" => Is(value, "ClusterFirst") ? Fate.AsItIs : Fate.WithoutEffect,
        "os" => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("name", out var os) && Is(os, "linux") ? Fate.AsItIs : Fate.Refused,
        _ => Array.IndexOf(PodWithoutEffect, name) >= 0 ? Fate.WithoutEffect : Fate.Refused,
    };

    /// <summary>A field of a container.</summary>
    public static Fate Container(string name, JsonElement value) => name switch
    {
        _ when IsUnset(value) => Fate.AsItIs,
        "stdinOnce" => Fate.AsItIs, // says something about stdin, which is refused
        "imagePullPolicy" => Is(value, "Always") ? Fate.WithoutEffect : Fate.AsItIs,
        "terminationMessagePath" => Is(value, "/dev/termination-log") ? Fate.AsItIs : Fate.WithoutEffect,
        "terminationMessagePolicy" => Is(value, "File") ? Fate.AsItIs : Fate.WithoutEffect,
        _ => Array.IndexOf(ContainerWithoutEffect, name) >= 0 ? Fate.WithoutEffect : Fate.Refused,
    };

    /// <summary>A field of a mount.</summary>
    public static Fate Mount(string name, JsonElement value) => name switch
    {
        _ when IsUnset(value) => Fate.AsItIs,
        "mountPropagation" => Is(value, "None") ? Fate.AsItIs : Fate.Refused,
        "recursiveReadOnly" => Is(value, "Disabled") ? Fate.AsItIs : Fate.WithoutEffect,
        _ => Fate.Refused,
    };

    /// <summary>The names of fields that a pod is refused for.</summary>
    public static IEnumerable<string> Refused(Func<string, JsonElement, Fate> fate, Dictionary<string, JsonElement>? others) => Names(fate, others, Fate.Refused);

    /// <summary>What the pod asks for and does not get, although it runs; in words, the pod's own fields first.</summary>
    public static List<string> WithoutEffect(PodObject pod)
    {
        var found = Names(Pod, pod.Spec.Others, Fate.WithoutEffect).ToList();
        var volumes = new Dictionary<string, VolumeSpec>(StringComparer.Ordinal);
        foreach (var volume in pod.Spec.Volumes ?? [])
        {
            volumes[volume.Name] = volume;
            found.AddRange((volume.EmptyDir ?? []).Where(field => field.Value is JsonValue value && value.ToString() is not ("" or "0")).Select(field => $"{field.Key} of volume {volume.Name}"));
            if (volume.PersistentVolumeClaim?.ReadOnly == true)
            {
                found.Add($"readOnly of volume {volume.Name}");
            }
        }

        foreach (var container in pod.Spec.Containers ?? [])
        {
            found.AddRange(Names(Container, container.Others, Fate.WithoutEffect).Select(name => $"{name} of container {container.Name}"));
            foreach (var mount in container.VolumeMounts ?? [])
            {
                // ConfigMaps and Secrets are mounted for reading only anyway, with the field or without.
                if (mount.ReadOnly == true && volumes.GetValueOrDefault(mount.Name) is { IsOfObjects: false })
                {
                    found.Add($"readOnly of mount {mount.MountPath}");
                }

                found.AddRange(Names(Mount, mount.Others, Fate.WithoutEffect).Select(name => $"{name} of mount {mount.MountPath}"));
            }
        }

        return found;
    }

    private static IEnumerable<string> Names(Func<string, JsonElement, Fate> fate, Dictionary<string, JsonElement>? others, Fate wanted) =>
        (others ?? []).Where(field => fate(field.Key, field.Value) == wanted).Select(field => field.Key).Order(StringComparer.Ordinal);

    private static bool IsUnset(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False or JsonValueKind.Undefined => true,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.String => value.ValueEquals(""),
        _ => false,
    };

    private static bool Is(JsonElement value, string text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);
}
