using System.Globalization;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>The Node object of this machine.</summary>
public sealed class NodeStatus(KubernetesClient client, ILogger logger, TimeProvider time)
{
    /// <summary>Names the runner's process (pid and start time), so that whoever waits for this runner knows it from the one before.</summary>
    public const string RunnerAnnotation = "local.chatcells.io/runner";

    private static readonly TimeSpan Beat = TimeSpan.FromMinutes(1);
    private static readonly IReadOnlyDictionary<string, string> Labels = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["kubernetes.io/hostname"] = KubeletNames.NodeName,
        ["kubernetes.io/os"] = "linux",
        ["kubernetes.io/arch"] = System.Runtime.InteropServices.RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64",
    };

    /// <summary>How a runner's process is written in <see cref="RunnerAnnotation"/>.</summary>
    public static string Mark(ProcessIdentity process) => string.Create(CultureInfo.InvariantCulture, $"{process.Pid}-{process.StartTime}");

    /// <summary>Whether this node has every label that a pod selects.</summary>
    private static bool Fits(IReadOnlyDictionary<string, string>? selector) =>
        selector is null || selector.All(wanted => Labels.TryGetValue(wanted.Key, out var value) && string.Equals(value, wanted.Value, StringComparison.Ordinal));

    /// <summary>Why the pod is not given to this node, in words for its events; null when it fits.</summary>
    public static string? Obstacle(PodObject pod) => pod.Spec switch
    {
        { SchedulingGates.Count: > 0 } => "Scheduling is blocked due to non-empty scheduling gates",
        { SchedulerName: not (null or "" or "default-scheduler") and var other } => $"not supported here: schedulerName {other} (default-scheduler is)",
        { NodeSelector: var selector } when !Fits(selector) => "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
        _ => null,
    };

    /// <summary>Writes the Node and its heartbeat until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var nodes = client.Of(ResourceType.Of<V1Node>());
        var started = time.GetUtcNow();
        while (!cancellationToken.IsCancellationRequested)
        {
            var wait = Beat;
            try
            {
                try
                {
                    await nodes.CreateAsync(new Unstructured(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Node", ["metadata"] = new JsonObject { ["name"] = KubeletNames.NodeName } }), cancellationToken);
                }
                catch (KubernetesException e) when (e.IsAlreadyExists || e.IsConflict)
                {
                    logger.NodeExists();
                }

                await nodes.MergePatchAsync(null, KubeletNames.NodeName, Patch(), cancellationToken);
                await nodes.MergePatchAsync(null, KubeletNames.NodeName, StatusPatch(started), cancellationToken, subresource: "status");
            }
            catch (Exception e) when (ApiTrouble.Is(e, cancellationToken))
            {
                logger.ReportFailed("node " + KubeletNames.NodeName, "its status", e.Message);
                wait = TimeSpan.FromSeconds(1);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }

            try
            {
                await Task.Delay(wait, time, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private static JsonObject Patch() => new()
    {
        ["metadata"] = new JsonObject
        {
            ["labels"] = new JsonObject(Labels.Select(label => KeyValuePair.Create(label.Key, (JsonNode?)label.Value))),
            ["annotations"] = new JsonObject { [RunnerAnnotation] = ProcessIdentity.Of(Environment.ProcessId) is { } self ? Mark(self) : "" },
        },
    };

    private JsonObject StatusPatch(DateTimeOffset started)
    {
        var capacity = new JsonObject { ["cpu"] = Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture), ["pods"] = "200" };
        return new JsonObject
        {
            ["status"] = new JsonObject
            {
                ["capacity"] = capacity,
                ["allocatable"] = capacity.DeepClone(),
                ["addresses"] = new JsonArray(
                    new JsonObject { ["type"] = "InternalIP", ["address"] = KubeletNames.HostIP },
                    new JsonObject { ["type"] = "Hostname", ["address"] = KubeletNames.NodeName }),
                ["nodeInfo"] = new JsonObject
                {
                    ["kubeletVersion"] = "v1.32.0-local",
                    ["operatingSystem"] = "linux",
                    ["architecture"] = Labels["kubernetes.io/arch"],
                    ["containerRuntimeVersion"] = "process://1",
                    ["kernelVersion"] = Environment.OSVersion.Version.ToString(),
                    ["osImage"] = System.Runtime.InteropServices.RuntimeInformation.OSDescription,
                    ["bootID"] = ProcessIdentity.ThisBoot,
                    ["machineID"] = "",
                    ["systemUUID"] = "",
                    ["kubeProxyVersion"] = "",
                },
                ["conditions"] = new JsonArray(new JsonObject
                {
                    ["type"] = "Ready",
                    ["status"] = "True",
                    ["reason"] = "RunnerReady",
                    ["message"] = "the pod runner takes pods",
                    ["lastTransitionTime"] = Time(started),
                    ["lastHeartbeatTime"] = Time(time.GetUtcNow()),
                }),
            },
        };
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}

internal static partial class NodeStatusLog
{
    [LoggerMessage(30, LogLevel.Debug, "The node object is there already")]
    public static partial void NodeExists(this ILogger logger);
}
