namespace Chat.Cells.LocalCluster.ApiServer.Tables;

/// <summary>The columns of built-in kinds, as the real server prints them.</summary>
internal static class BuiltInColumns
{
    public static Column Age { get; } = new("Age", "string", (o, now) => Since(o.Text("metadata", "creationTimestamp"), now), Description: "Time since the object was created.");

    public static IReadOnlyList<Column> For(string kind) => kind switch
    {
        "Namespace" => [Text("Status", "status", "phase"), Age],
        "Pod" => Pod,
        "Service" => Service,
        "ConfigMap" => [Number("Data", o => Count(o["data"]) + Count(o["binaryData"])), Age],
        "Secret" => [Text("Type", "type"), Number("Data", o => Count(o["data"])), Age],
        "ServiceAccount" => [Number("Secrets", o => Count(o["secrets"])), Age],
        "PersistentVolumeClaim" =>
        [
            Text("Status", "status", "phase"), Text("Volume", "spec", "volumeName"), Text("Capacity", "status", "capacity", "storage"),
            Of("Access Modes", o => string.Join(',', o.At("status").Texts("accessModes").Select(Short))), Text("StorageClass", "spec", "storageClassName"),
            Of("VolumeAttributesClass", o => o.Text("spec", "volumeAttributesClassName") ?? "<unset>"), Age, Text("VolumeMode", "spec", "volumeMode") with { Priority = 1 },
        ],
        "Node" =>
        [
            Of("Status", o => Condition(o, "Ready") == "True" ? "Ready" : "NotReady"), Of("Roles", Roles), Age, Text("Version", "status", "nodeInfo", "kubeletVersion"),
            Of("Internal-IP", o => o.At("status").Items("addresses").FirstOrDefault(a => a.Text("type") == "InternalIP").Text("address") ?? "<none>") with { Priority = 1 },
            Text("OS-Image", "status", "nodeInfo", "osImage") with { Priority = 1 },
        ],
        "Event" =>
        [
            new("Last Seen", "string", (o, now) => Since(o.Text("series", "lastObservedTime") ?? o.Text("lastTimestamp") ?? o.Text("eventTime") ?? o.Text("firstTimestamp"), now)),
            Text("Type", "type"), Text("Reason", "reason"),
            Of("Object", o => $"{(o.Text("involvedObject", "kind") ?? "").ToLowerInvariant()}/{o.Text("involvedObject", "name")}"), Of("Message", o => (o.Text("message") ?? "").Trim()),
            Of("Source", o => o.Text("source", "component") ?? o.Text("reportingComponent") ?? "") with { Priority = 1 },
        ],
        "Lease" => [Text("Holder", "spec", "holderIdentity"), Age],
        "EndpointSlice" =>
        [
            Text("AddressType", "addressType"), Of("Ports", o => Join(o.Items("ports").Select(p => JsonText.Scalar(p["port"])), "<unset>")),
            Of("Endpoints", o => Join(o.Items("endpoints").SelectMany(e => e.Texts("addresses")), "<unset>")), Age,
        ],
        "StatefulSet" => [Of("Ready", o => $"{Int(o, "status", "readyReplicas")}/{Int(o, "spec", "replicas")}"), Age, .. Containers,],
        "Deployment" =>
        [
            Of("Ready", o => $"{Int(o, "status", "readyReplicas")}/{Int(o, "spec", "replicas")}"), Number("Up-to-date", o => Int(o, "status", "updatedReplicas")),
            Number("Available", o => Int(o, "status", "availableReplicas")), Age, .. Containers, SelectorColumn,
        ],
        "ReplicaSet" =>
        [
            Number("Desired", o => Int(o, "spec", "replicas")), Number("Current", o => Int(o, "status", "replicas")), Number("Ready", o => Int(o, "status", "readyReplicas")), Age,
            .. Containers, SelectorColumn,
        ],
        "ControllerRevision" =>
        [
            Of("Controller", o => o.At("metadata").Items("ownerReferences").FirstOrDefault(r => r.Flag("controller") == true) is { } c ? $"{c.Text("kind")?.ToLowerInvariant()}.{c.Text("apiVersion")?.Split('/')[0]}/{c.Text("name")}" : "<none>"),
            Number("Revision", o => Int(o, "revision")), Age,
        ],
        "CustomResourceDefinition" => [new("Created At", "date", (o, _) => o.Text("metadata", "creationTimestamp"))],
        "Role" or "ClusterRole" => [new("Created At", "date", (o, _) => o.Text("metadata", "creationTimestamp"))],
        "RoleBinding" or "ClusterRoleBinding" => [Of("Role", o => $"{o.Text("roleRef", "kind")}/{o.Text("roleRef", "name")}"), Age],
        "NetworkPolicy" => [Of("Pod-Selector", o => Selector.Format(o.At("spec", "podSelector") as JsonObject) is { Length: > 0 } s ? s : "<none>"), Age],
        "PodDisruptionBudget" =>
        [
            Of("Min Available", o => o.At("spec", "minAvailable") is { } v ? JsonText.Scalar(v) : "N/A"), Of("Max Unavailable", o => o.At("spec", "maxUnavailable") is { } v ? JsonText.Scalar(v) : "N/A"),
            Number("Allowed Disruptions", o => Int(o, "status", "disruptionsAllowed")), Age,
        ],
        _ => [Age],
    };

    private static IReadOnlyList<Column> Pod { get; } =
    [
        Of("Ready", o => $"{Ready(o)}/{o.At("spec").Items("containers").Count()}"),
        Of("Status", PodReason),
        new("Restarts", "string", PodRestarts),
        Age,
        Of("IP", o => o.Text("status", "podIP") is { Length: > 0 } ip ? ip : "<none>") with { Priority = 1 },
        Of("Node", o => o.Text("spec", "nodeName") is { Length: > 0 } node ? node : "<none>") with { Priority = 1 },
        Of("Nominated Node", o => o.Text("status", "nominatedNodeName") is { Length: > 0 } node ? node : "<none>") with { Priority = 1 },
        Of("Readiness Gates", _ => "<none>") with { Priority = 1 },
    ];

    private static IReadOnlyList<Column> Service { get; } =
    [
        Text("Type", "spec", "type"),
        Of("Cluster-IP", o => o.Text("spec", "clusterIP") is { Length: > 0 } ip ? ip : "<none>"),
        Of("External-IP", o => o.Text("spec", "externalName") ?? Join(o.At("spec").Texts("externalIPs"), "<none>")),
        Of("Port(s)", o => Join(o.At("spec").Items("ports").Select(ServicePort), "<none>")),
        Age,
        Of("Selector", o => Join((o.At("spec", "selector") as JsonObject ?? []).Select(l => $"{l.Key}={l.Value.Text()}"), "<none>")) with { Priority = 1 },
    ];

    private static IReadOnlyList<Column> Containers { get; } =
    [
        Of("Containers", o => string.Join(',', o.At("spec", "template", "spec").Items("containers").Select(c => c.Text("name")))) with { Priority = 1 },
        Of("Images", o => string.Join(',', o.At("spec", "template", "spec").Items("containers").Select(c => c.Text("image")))) with { Priority = 1 },
    ];

    private static Column SelectorColumn { get; } = Of("Selector", o => Selector.Format(o.At("spec", "selector") as JsonObject)) with { Priority = 1 };

    private static Column Of(string name, Func<JsonObject, string> read) => new(name, "string", (o, _) => read(o));

    private static Column Number(string name, Func<JsonObject, long> read) => new(name, "integer", (o, _) => read(o));

    private static Column Text(string name, params string[] path) => Of(name, o => o.Text(path) ?? "");

    private static long Int(JsonObject o, params string[] path) => o.Number(path) ?? 0;

    private static long Count(JsonNode? node) => node switch { JsonObject o => o.Count, JsonArray a => a.Count, _ => 0 };

    private static string Join(IEnumerable<string> values, string none) => values.ToList() is { Count: > 0 } list ? string.Join(',', list) : none;

    private static string Since(string? time, DateTimeOffset now) => Timestamps.Parse(time) is { } at ? HumanDuration.Format(now - at) : "<unknown>";

    private static string Condition(JsonObject o, string type) => o.At("status").Items("conditions").FirstOrDefault(c => c.Text("type") == type).Text("status") ?? "";

    private static string Short(string mode) => mode switch { "ReadWriteOnce" => "RWO", "ReadOnlyMany" => "ROX", "ReadWriteMany" => "RWX", "ReadWriteOncePod" => "RWOP", _ => mode };

    private static string ServicePort(JsonObject p) => p.Number("nodePort") is > 0 and var node
        ? $"{p.Number("port")}:{node}/{p.Text("protocol") ?? "TCP"}"
        : $"{p.Number("port")}/{p.Text("protocol") ?? "TCP"}";

    private static string Roles(JsonObject o) => Join(
        (o.At("metadata", "labels") as JsonObject ?? []).Select(l => l.Key).Where(k => k.StartsWith("node-role.kubernetes.io/", StringComparison.Ordinal)).Select(k => k["node-role.kubernetes.io/".Length..]),
        "<none>");

    private static int Ready(JsonObject pod) => pod.At("status").Items("containerStatuses").Count(c => c.Flag("ready") == true && c.At("state", "running") is not null);

    private static string PodReason(JsonObject pod)
    {
        var reason = pod.Text("status", "reason") ?? pod.Text("status", "phase") ?? "";
        foreach (var status in pod.At("status").Items("containerStatuses").Reverse())
        {
            if (status.Text("state", "waiting", "reason") is { Length: > 0 } waiting)
            {
                reason = waiting;
            }
            else if (status.At("state", "terminated") is JsonObject terminated)
            {
                reason = terminated.Text("reason") is { Length: > 0 } named ? named
                    : terminated.Number("signal") is > 0 and var signal ? $"Signal:{signal}" : $"ExitCode:{terminated.Number("exitCode") ?? 0}";
            }
        }

        if (reason == "Completed" && Ready(pod) > 0)
        {
            reason = Condition(pod, "Ready") == "True" ? "Running" : "NotReady";
        }

        var isOver = pod.Text("status", "phase") is "Succeeded" or "Failed";
        return pod.At("metadata", "deletionTimestamp") is not null && !isOver ? "Terminating" : reason;
    }

    private static JsonNode? PodRestarts(JsonObject pod, DateTimeOffset now)
    {
        var statuses = pod.At("status").Items("containerStatuses").ToList();
        var restarts = statuses.Sum(s => s.Number("restartCount") ?? 0);
        var last = statuses.Select(s => Timestamps.Parse(s.Text("lastState", "terminated", "finishedAt"))).Max();
        return restarts > 0 && last is { } at ? $"{restarts} ({HumanDuration.Format(now - at)} ago)" : restarts.ToString();
    }
}
