namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>Pods: first status, immutability, selectable fields.</summary>
internal sealed class PodRules : KindRules
{
    private static readonly string[] MutableFields = ["activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "schedulingGates"];

    public override void PrepareCreate(JsonObject value, WriteContext context)
    {
        var spec = value.Child("spec");
        if (string.IsNullOrEmpty(spec.Text("serviceAccountName")))
        {
            spec["serviceAccountName"] = "default";
        }

        spec["serviceAccount"] = spec.Text("serviceAccountName");
        spec["enableServiceLinks"] ??= true;
        value["status"] = new JsonObject { ["phase"] = "Pending", ["qosClass"] = QosClass(spec) };
    }

    public override void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
        PodSpecChecks.Validate(value["spec"] as JsonObject ?? [], "spec", violations);
        if (old is null)
        {
            return;
        }

        var before = (JsonObject)(old["spec"]?.DeepClone() ?? new JsonObject());
        var after = (JsonObject)(value["spec"]?.DeepClone() ?? new JsonObject());
        foreach (var spec in (JsonObject[])[before, after])
        {
            foreach (var name in MutableFields)
            {
                spec.Remove(name);
            }

            foreach (var container in spec.Items("containers").Concat(spec.Items("initContainers")))
            {
                container.Remove("image");
            }
        }

        // A pod is bound once; here the controllers and their clients do the scheduler's work.
        if (string.IsNullOrEmpty(before.Text("nodeName")))
        {
            before.Remove("nodeName");
            after.Remove("nodeName");
        }

        if (!JsonNodes.Same(before, after))
        {
            violations.Forbidden(
                "spec",
                "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)");
        }
    }

    public override IEnumerable<string> Warnings(JsonObject value) => PodWarnings.Of(value["spec"] as JsonObject ?? [], "spec");

    public override Func<JsonObject, string>? SelectableField(string path) => path switch
    {
        "spec.nodeName" => o => o.Text("spec", "nodeName") ?? "",
        "spec.restartPolicy" => o => o.Text("spec", "restartPolicy") ?? "",
        "spec.schedulerName" => o => o.Text("spec", "schedulerName") ?? "",
        "spec.serviceAccountName" => o => o.Text("spec", "serviceAccountName") ?? "",
        "status.phase" => o => o.Text("status", "phase") ?? "",
        "status.podIP" => o => o.Text("status", "podIP") ?? "",
        "status.nominatedNodeName" => o => o.Text("status", "nominatedNodeName") ?? "",
        _ => null,
    };

    private static string QosClass(JsonObject spec)
    {
        var containers = spec.Items("containers").ToList();
        bool Has(JsonObject c, string what, string resource) => c.At("resources", what, resource) is not null;
        if (containers.All(c => c.At("resources", "limits") is null or JsonObject { Count: 0 } && c.At("resources", "requests") is null or JsonObject { Count: 0 }))
        {
            return "BestEffort";
        }

        return containers.All(c => Has(c, "limits", "cpu") && Has(c, "limits", "memory")
                && ((string[])["cpu", "memory"]).All(r => !Has(c, "requests", r) || JsonNodes.Same(c.At("resources", "requests", r), c.At("resources", "limits", r))))
            ? "Guaranteed"
            : "Burstable";
    }
}

/// <summary>What must hold of every pod spec, in pods and in templates.</summary>
internal static class PodSpecChecks
{
    public static void Validate(JsonObject spec, string path, Violations violations)
    {
        var volumes = spec.Items("volumes").Select(v => v.Text("name") ?? "").ToHashSet(StringComparer.Ordinal);
        foreach (var (volume, i) in spec.Items("volumes").Select((v, i) => (v, i)))
        {
            if (volume.Text("name") is { Length: > 0 } volumeName && Names.LabelProblem(volumeName) is { } wrong)
            {
                violations.Invalid($"{path}.volumes[{i}].name", volumeName, wrong);
            }
        }

        if (!spec.Items("containers").Any())
        {
            violations.Required($"{path}.containers");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var list in (string[])["initContainers", "containers"])
        {
            var index = 0;
            foreach (var container in spec.Items(list))
            {
                var at = $"{path}.{list}[{index++}]";
                var name = container.Text("name") ?? "";
                if (name.Length > 0 && Names.LabelProblem(name) is { } problem)
                {
                    violations.Invalid($"{at}.name", name, problem);
                }

                if (!names.Add(name))
                {
                    violations.Duplicate($"{at}.name", name);
                }

                if (string.IsNullOrEmpty(container.Text("image")))
                {
                    violations.Required($"{at}.image");
                }

                foreach (var (mount, i) in container.Items("volumeMounts").Select((m, i) => (m.Text("name") ?? "", i)))
                {
                    if (!volumes.Contains(mount))
                    {
                        violations.Add("FieldValueNotFound", $"{at}.volumeMounts[{i}].name", $"Not found: \"{mount}\"");
                    }
                }
            }
        }

        if (spec.Text("restartPolicy") is { } policy && policy is not ("Always" or "OnFailure" or "Never"))
        {
            violations.NotSupported($"{path}.restartPolicy", policy, ["Always", "Never", "OnFailure"]);
        }

        if (spec.Number("terminationGracePeriodSeconds") is < 0)
        {
            violations.Invalid($"{path}.terminationGracePeriodSeconds", spec["terminationGracePeriodSeconds"], "must be greater than or equal to 0");
        }
    }
}

/// <summary>StatefulSets, Deployments and ReplicaSets: a selector that matches the template, and what may not change.</summary>
internal sealed class WorkloadRules(bool isStatefulSet) : KindRules
{
    private static readonly string[] StatefulSetMutable =
        ["replicas", "ordinals", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy", "minReadySeconds", "revisionHistoryLimit"];

    public override void PrepareCreate(JsonObject value, WriteContext context)
    {
        value["status"] = new JsonObject { ["replicas"] = 0 };
        Complete(value);
    }

    public override void PrepareUpdate(JsonObject value, JsonObject old, WriteContext context) => Complete(value);

    public override string? NameProblem(string name) => isStatefulSet ? Names.LabelProblem(name) : Names.SubdomainProblem(name);

    public override void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
        var spec = value["spec"] as JsonObject ?? [];
        if (spec.Number("replicas") is < 0)
        {
            violations.Invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0");
        }

        var selector = Selector.FromLabelSelector(spec["selector"] as JsonObject);
        var labels = (spec.At("template", "metadata", "labels") as JsonObject ?? []).ToDictionary(l => l.Key, l => l.Value.Text() ?? "", StringComparer.Ordinal);
        if (selector.IsEmpty)
        {
            violations.Invalid("spec.selector", spec["selector"], "empty selector is invalid for " + (isStatefulSet ? "statefulset" : "deployment"));
        }
        else if (!selector.Matches(labels))
        {
            violations.Invalid("spec.template.metadata.labels", spec.At("template", "metadata", "labels"), "`selector` does not match template `labels`");
        }

        var pod = spec.At("template", "spec") as JsonObject ?? [];
        PodSpecChecks.Validate(WithClaims(pod, spec), "spec.template.spec", violations);
        if (pod.Text("restartPolicy") is { } policy and not "Always")
        {
            violations.NotSupported("spec.template.spec.restartPolicy", policy, ["Always"]);
        }

        if (old is not null)
        {
            ValidateUpdate(spec, old["spec"] as JsonObject ?? [], violations);
        }
    }

    public override IEnumerable<string> Warnings(JsonObject value)
    {
        var spec = value["spec"] as JsonObject ?? [];
        return PodWarnings.Of(WithClaims(spec.At("template", "spec") as JsonObject ?? [], spec), "spec.template.spec");
    }

    private void ValidateUpdate(JsonObject spec, JsonObject before, Violations violations)
    {
        if (!isStatefulSet)
        {
            if (!JsonNodes.Same(spec["selector"], before["selector"]))
            {
                violations.Invalid("spec.selector", spec["selector"], "field is immutable");
            }

            return;
        }

        bool Frozen(KeyValuePair<string, JsonNode?> p) => Array.IndexOf(StatefulSetMutable, p.Key) < 0;
        var was = before.Where(Frozen).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        var now = spec.Where(Frozen).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        if (was.Keys.Union(now.Keys).Any(k => !JsonNodes.Same(was.GetValueOrDefault(k), now.GetValueOrDefault(k))))
        {
            violations.Forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
        }
    }

    // The claims of a StatefulSet are volumes of its pods.
    private static JsonObject WithClaims(JsonObject pod, JsonObject spec)
    {
        if (!spec.Items("volumeClaimTemplates").Any())
        {
            return pod;
        }

        var copy = (JsonObject)pod.DeepClone();
        var volumes = copy["volumes"] as JsonArray ?? [];
        copy["volumes"] = volumes.Parent is null ? volumes : volumes.DeepClone();
        foreach (var claim in spec.Items("volumeClaimTemplates"))
        {
            ((JsonArray)copy["volumes"]!).Add(new JsonObject { ["name"] = claim.Text("metadata", "name"), ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = claim.Text("metadata", "name") } });
        }

        return copy;
    }

    private static void Complete(JsonObject value)
    {
        foreach (var claim in value.At("spec").Items("volumeClaimTemplates"))
        {
            claim["apiVersion"] ??= "v1";
            claim["kind"] ??= "PersistentVolumeClaim";
            claim["status"] ??= new JsonObject { ["phase"] = "Pending" };
        }
    }
}
