using System.Globalization;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner.Spec;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>Writes events of pods. An event that was written before within the hour is counted up instead of written again, as kubelets do.</summary>
internal sealed class PodEvents(KubernetesClient client, TimeProvider time)
{
    private const int Remembered = 512;
    private static readonly TimeSpan Fresh = TimeSpan.FromHours(1);
    private readonly ResourceClient<V1Event> events = client.Of<V1Event>();
    private readonly Dictionary<(string Uid, string Reason, string Message), (string Name, int Count, DateTimeOffset First)> written = [];
    private long number;

    public async Task RecordAsync(PodObject pod, bool warning, string reason, string message, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var key = (pod.Metadata.Uid, reason, message);
        if (written.TryGetValue(key, out var earlier) && now - earlier.First < Fresh)
        {
            var count = earlier.Count + 1;
            try
            {
                await events.MergePatchAsync(pod.Metadata.Namespace, earlier.Name,
                    new System.Text.Json.Nodes.JsonObject { ["count"] = count, ["lastTimestamp"] = now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) }, cancellationToken);
                written[key] = earlier with { Count = count };
                return;
            }
            catch (KubernetesException e) when (e.IsNotFound)
            {
                written.Remove(key); // somebody cleaned up: write it anew
            }
        }

        if (written.Count >= Remembered)
        {
            written.Clear();
        }

        var name = string.Create(CultureInfo.InvariantCulture, $"{pod.Metadata.Name}.{now.UtcTicks:x}{Interlocked.Increment(ref number) & 0xFFF:x3}");
        try
        {
            await events.CreateAsync(new V1Event
            {
                Metadata = new V1ObjectMeta { Name = name, Namespace = pod.Metadata.Namespace },
                InvolvedObject = new V1ObjectReference { ApiVersion = "v1", Kind = "Pod", Name = pod.Metadata.Name, Namespace = pod.Metadata.Namespace, Uid = pod.Metadata.Uid },
                Reason = reason,
                Message = message,
                Type = warning ? "Warning" : "Normal",
                Source = new V1EventSource { Component = "kubelet", Host = KubeletNames.NodeName },
                FirstTimestamp = now,
                LastTimestamp = now,
                Count = 1,
                ReportingComponent = "kubelet",
                ReportingInstance = KubeletNames.NodeName,
            }, cancellationToken);
            written[key] = (name, 1, now);
        }
        catch (KubernetesException e) when (e.IsNotFound || e.IsForbidden || e.IsInvalid)
        {
            return; // the namespace is going away
        }
    }
}
