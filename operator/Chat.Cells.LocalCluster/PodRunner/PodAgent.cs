using System.Net;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using Chat.Cells.LocalCluster.PodRunner.State;
using ObjectKey = Chat.Cells.Kubernetes.Models.ObjectKey;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>
/// The kubelet of this machine: has a worker for every pod that is here, gives pods without a node to this node, and stops what the API no longer knows.
/// Level-triggered: each pass compares all pods with all workers.
/// </summary>
public sealed class PodAgent
{
    private static readonly TimeSpan Pass = TimeSpan.FromSeconds(2);
    private readonly PodRuntime runtime;
    private readonly ClusterObjects objects;
    private LoopbackRange range;
    private readonly string cidr;
    private readonly ResourceClient<Unstructured> pods;
    private readonly SemaphoreSlim wake = new(0);
    private readonly Lock gate = new();
    private readonly Dictionary<string, Entry> workers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> unscheduled = new(StringComparer.Ordinal); // why, as said last in the pod's events; only the passes touch it
    private readonly HashSet<string> finished = new(StringComparer.Ordinal); // gone here, but perhaps not yet from the cache

    /// <summary>Registers with the caches; call before they run.</summary>
    public PodAgent(KubernetesClient client, ClusterObjects objects, PodRuntime runtime, string cidr)
    {
        this.objects = objects;
        this.runtime = runtime;
        this.cidr = cidr;
        range = new LoopbackRange(cidr);
        pods = client.Of(ResourceType.Of<V1Pod>());
        objects.Pods.AddHandlers(_ => wake.Release(), (_, _) => wake.Release(), _ => wake.Release());
        objects.OnConfigChanged(ConfigChanged);
    }

    /// <summary>Completes when every pod that was here before has its worker again.</summary>
    public Task Ready => ready.Task;

    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Runs until cancelled; the pods' processes run on.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await objects.WaitForSyncAsync(cancellationToken);
            Adopt(cancellationToken);
            await Task.WhenAll(Workers().Select(entry => entry.Worker.Seen));
            while (true)
            {
                await PassAsync(cancellationToken);
                ready.TrySetResult();
                await wake.WaitAsync(Pass, cancellationToken);
                while (wake.CurrentCount > 0)
                {
                    await wake.WaitAsync(cancellationToken); // many changes, one pass
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await Task.WhenAll(Workers().Select(entry => entry.Running));
        }
    }

    private List<Entry> Workers()
    {
        lock (gate)
        {
            return [.. workers.Values];
        }
    }

    private void Adopt(CancellationToken cancellationToken)
    {
        var known = ParsedPods();
        var records = runtime.Records.LoadAll(runtime.Logger.UnreadableRecord);
        foreach (var record in records)
        {
            StartWorker(record, known.GetValueOrDefault(record.Uid), cancellationToken);
        }

        // Take up after the highest address in use: one that was given back a moment ago may still be in somebody's memory.
        range = new LoopbackRange(cidr, records.Select(record => IPAddress.Parse(record.PodIP)).Where(range.Contains).MaxBy(address => BitConverter.ToUInt32([.. address.GetAddressBytes().Reverse()])));
        runtime.Logger.RunnerReady(records.Count, cidr);
    }

    private async Task PassAsync(CancellationToken cancellationToken)
    {
        var known = ParsedPods();
        foreach (var pod in known.Values)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (string.IsNullOrEmpty(pod.Spec.NodeName))
            {
                await ScheduleAsync(pod, cancellationToken);
            }
            else if (string.Equals(pod.Spec.NodeName, KubeletNames.NodeName, StringComparison.Ordinal))
            {
                Ensure(pod, cancellationToken);
            }
        }

        foreach (var uid in unscheduled.Keys.Where(uid => !known.ContainsKey(uid)).ToList())
        {
            unscheduled.Remove(uid);
        }

        lock (gate)
        {
            finished.RemoveWhere(uid => !known.ContainsKey(uid));
            foreach (var (uid, entry) in workers)
            {
                if (!known.ContainsKey(uid) && !entry.Gone)
                {
                    entry.Gone = true;
                    entry.Worker.Gone();
                }
            }
        }
    }

    private Dictionary<string, PodObject> ParsedPods()
    {
        var result = new Dictionary<string, PodObject>(StringComparer.Ordinal);
        foreach (var item in objects.Pods.Lister.List())
        {
            try
            {
                var pod = PodObject.Parse(item.Json);
                if (IsFileName(pod.Metadata.Uid) && IsFileName(pod.Metadata.Namespace))
                {
                    result[pod.Metadata.Uid] = pod;
                }
            }
            catch (JsonException e)
            {
                runtime.Logger.ReconcileFailed($"Reading pod {ObjectKey.Of(item)}", e);
            }
        }

        return result;
    }

    private void Ensure(PodObject pod, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (finished.Contains(pod.Metadata.Uid))
            {
                return;
            }

            if (workers.TryGetValue(pod.Metadata.Uid, out var entry))
            {
                if (!string.Equals(entry.SeenVersion, pod.Metadata.ResourceVersion, StringComparison.Ordinal))
                {
                    entry.SeenVersion = pod.Metadata.ResourceVersion;
                    entry.Worker.Update(pod);
                }

                return;
            }

            // A pod of the same name that is still stopping holds the same claims: its successor waits for it.
            if (workers.Values.Any(other => string.Equals(other.Worker.Record.Name, pod.Metadata.Name, StringComparison.Ordinal)
                && string.Equals(other.Worker.Record.Namespace, pod.Metadata.Namespace, StringComparison.Ordinal)))
            {
                return;
            }
        }

        if (pod.Status?["phase"]?.GetValue<string>() is "Succeeded" or "Failed" && pod.Metadata.DeletionTimestamp is null)
        {
            return;
        }

        StartWorker(new PodRecord
        {
            Namespace = pod.Metadata.Namespace,
            Name = pod.Metadata.Name,
            Uid = pod.Metadata.Uid,
            PodIP = range.Allocate(TakenAddresses()).ToString(),
            StartTime = runtime.Time.GetUtcNow(),
            TerminationGracePeriodSeconds = pod.Spec.TerminationGracePeriodSeconds ?? 30,
        }, pod, cancellationToken);
    }

    private HashSet<IPAddress> TakenAddresses()
    {
        lock (gate)
        {
            return [.. workers.Values.Select(entry => IPAddress.Parse(entry.Worker.Record.PodIP))];
        }
    }

    private void StartWorker(PodRecord record, PodObject? pod, CancellationToken cancellationToken)
    {
        var worker = new PodWorker(runtime, record, pod);
        lock (gate)
        {
            var entry = new Entry(worker) { SeenVersion = pod?.Metadata.ResourceVersion, Gone = pod is null };
            workers.Add(record.Uid, entry);
            entry.Running = Task.Run(() => RunWorkerAsync(record.Uid, worker, cancellationToken), CancellationToken.None);
        }
    }

    private async Task RunWorkerAsync(string uid, PodWorker worker, CancellationToken cancellationToken)
    {
        var gone = false;
        try
        {
            gone = await worker.RunAsync(cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The record on disk is what a new worker starts from, in the next pass, and finds the processes by.
            runtime.Logger.WorkerFailed($"{worker.Record.Namespace}/{worker.Record.Name}", e);
            await Task.Delay(Pass, runtime.Time, CancellationToken.None);
        }

        lock (gate)
        {
            workers.Remove(uid);
            if (gone)
            {
                finished.Add(uid);
            }
        }

        wake.Release();
    }

    private async Task ScheduleAsync(PodObject pod, CancellationToken cancellationToken)
    {
        if (pod.Metadata.DeletionTimestamp is not null)
        {
            return;
        }

        if (NodeStatus.Obstacle(pod) is { } obstacle)
        {
            if (!string.Equals(obstacle, unscheduled.GetValueOrDefault(pod.Metadata.Uid), StringComparison.Ordinal))
            {
                unscheduled[pod.Metadata.Uid] = obstacle;
                runtime.Reporter.Event(pod, warning: true, "FailedScheduling", obstacle);
            }

            return;
        }

        try
        {
            await pods.MergePatchAsync(pod.Metadata.Namespace, pod.Metadata.Name, new JsonObject
            {
                ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid },
                ["spec"] = new JsonObject { ["nodeName"] = KubeletNames.NodeName },
            }, cancellationToken);
        }
        catch (KubernetesException e) when (e.IsNotFound || e.IsConflict)
        {
            return;
        }
        catch (Exception e) when (ApiTrouble.Is(e, cancellationToken))
        {
            runtime.Logger.ReportFailed(pod.Display, "its node", e.Message);
        }
    }

    private void ConfigChanged(string? ns)
    {
        lock (gate)
        {
            foreach (var entry in workers.Values.Where(entry => string.Equals(entry.Worker.Record.Namespace, ns, StringComparison.Ordinal)))
            {
                entry.Worker.ConfigChanged();
            }
        }
    }

    private static bool IsFileName(string name) => name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-');

    private sealed class Entry(PodWorker worker)
    {
        public PodWorker Worker => worker;

        public string? SeenVersion { get; set; }

        public bool Gone { get; set; }

        public Task Running { get; set; } = Task.CompletedTask;
    }
}
