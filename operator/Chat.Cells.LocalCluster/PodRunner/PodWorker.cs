using System.Collections.Immutable;
using System.Threading.Channels;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using Chat.Cells.LocalCluster.PodRunner.State;
using Chat.Cells.LocalCluster.PodRunner.Volumes;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>
/// Looks after one pod from its first sight to its end. Everything it knows is touched by its own loop only; others post to it. Its processes belong to
/// the machine, not to it: when the worker is cancelled they run on.
/// </summary>
public sealed class PodWorker
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PollTick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LogCheck = TimeSpan.FromSeconds(10);
    private readonly Channel<Action> posted = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<string, ContainerSlot> containers = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PodRuntime runtime;
    private readonly PodPlacement placement;
    private PodRecord record;
    private PodObject? pod;
    private V1PodStatus? reported;
    private bool gone;
    private bool recordDirty;
    private DateTimeOffset nextLogCheck;

    /// <summary>Takes a pod over: a new one, or with the record of its past.</summary>
    /// <param name="runtime">What all pods share.</param>
    /// <param name="record">What is on disk about it, or a fresh record with its address.</param>
    /// <param name="pod">The object, or null when the API has none for this record any more: then it is only stopped.</param>
    public PodWorker(PodRuntime runtime, PodRecord record, PodObject? pod)
    {
        this.runtime = runtime;
        this.record = record;
        this.pod = pod;
        gone = pod is null;
        placement = new PodPlacement(record.PodIP, KubeletNames.HostIP, KubeletNames.NodeName);
        reported = pod?.Status?.Deserialize<V1PodStatus>(KubernetesJson.Options);
        recordDirty = true;
    }

    /// <summary>Completes when the pod has been looked at once, and what was seen is on its way to the API.</summary>
    public Task Seen => seen.Task;

    /// <summary>The record, as last written.</summary>
    public PodRecord Record => record;

    /// <summary>The newest state of the object has come.</summary>
    public void Update(PodObject newest) => Post(() => pod = newest);

    /// <summary>The object no longer exists.</summary>
    public void Gone() => Post(() => gone = true);

    /// <summary>A ConfigMap, Secret or claim of the pod's namespace changed.</summary>
    public void ConfigChanged() => Post(() =>
    {
        foreach (var container in containers.Values)
        {
            container.RetryNow();
        }
    });

    /// <summary>Runs until the pod is gone, its processes ended and its folder removed; or until cancelled, leaving all of it as it is.</summary>
    /// <returns>True when the pod is gone.</returns>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        Restore();
        SaveRecord(); // and with it the pod's folder
        if (pod is not null && containers.Count == 0 && PodFields.WithoutEffect(pod) is { Count: > 0 } fields)
        {
            runtime.Reporter.Event(pod, warning: false, "WithoutEffect", $"Without effect here: {string.Join(", ", fields)}");
        }

        var signal = posted.Reader.WaitToReadAsync(cancellationToken).AsTask();
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                while (posted.Reader.TryRead(out var action))
                {
                    action();
                }

                try
                {
                    if (await SyncAsync(cancellationToken))
                    {
                        return true;
                    }
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
                {
                    runtime.Logger.WorkerFailed(Display, e);
                }

                seen.TrySetResult();
                await Task.WhenAny(signal, Task.Delay(NextWait(), runtime.Time, cancellationToken));
                if (signal.IsCompleted)
                {
                    signal = posted.Reader.WaitToReadAsync(cancellationToken).AsTask();
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            seen.TrySetResult();
            await Task.WhenAll(containers.Values.Select(container => container.LetGoAsync()));
        }

        return false;
    }

    private string Display => $"{record.Namespace}/{record.Name}";

    private void Post(Action action) => posted.Writer.TryWrite(action);

    // Also containers that the record does not know: the runner may have died between the start of one and the writing of the record.
    private void Restore()
    {
        foreach (var name in runtime.Records.Containers(record))
        {
            var wasReady = reported?.ContainerStatuses?.FirstOrDefault(status => string.Equals(status.Name, name, StringComparison.Ordinal))?.Ready == true;
            var spec = pod?.Spec.Containers?.FirstOrDefault(candidate => string.Equals(candidate.Name, name, StringComparison.Ordinal));
            Slot(name).Restore(pod, spec, record.Containers.GetValueOrDefault(name) ?? new ContainerRecord(), record.Uid, record.PodIP, wasReady);
        }
    }

    private ContainerSlot Slot(string name)
    {
        if (!containers.TryGetValue(name, out var slot))
        {
            slot = new ContainerSlot(name, runtime, Post);
            containers.Add(name, slot);
            recordDirty = true;
        }

        return slot;
    }

    // Also before the API hears of anything: what was started is on disk.
    private void SaveRecord()
    {
        if (recordDirty || containers.Values.Any(container => container.Dirty))
        {
            record = record with { Containers = containers.ToImmutableSortedDictionary(entry => entry.Key, entry => entry.Value.TakeRecord(), StringComparer.Ordinal) };
            runtime.Records.Save(record);
            recordDirty = false;
        }
    }

    private async Task<bool> SyncAsync(CancellationToken cancellationToken)
    {
        foreach (var container in containers.Values)
        {
            container.Poll(pod);
        }

        LimitLogs();
        if (gone || pod is { Metadata.DeletionTimestamp: not null })
        {
            return await StopAsync(cancellationToken);
        }

        var specs = pod!.Spec.Containers ?? [];
        if (reported?.Phase is not ("Succeeded" or "Failed") || containers.Values.Any(container => container.IsRunning))
        {
            var (problem, reason) = Problem(pod);
            RefreshVolumes(pod, problem);
            foreach (var spec in specs)
            {
                Slot(spec.Name).Step(pod, spec, placement, problem, reason);
            }

            SaveRecord();
            Report();
        }

        return false;
    }

    private (string? Problem, string? Reason) Problem(PodObject of)
    {
        if (PodSupport.Refusal(of) is { } refusal)
        {
            return (refusal, KubeletNames.CreateContainerConfigError);
        }

        var claim = (of.Spec.Volumes ?? [])
            .Select(volume => volume.PersistentVolumeClaim is { } source ? runtime.Objects.ClaimProblem(of.Metadata.Namespace, source.ClaimName) : null)
            .FirstOrDefault(problem => problem is not null);
        return (claim, claim is null ? null : KubeletNames.ContainerCreating);
    }

    private void RefreshVolumes(PodObject of, string? problem)
    {
        if (problem is not null || !containers.Values.Any(container => container.IsRunning))
        {
            return; // a start refreshes them itself
        }

        try
        {
            new PodVolumes(runtime.Records.Folder(record.Uid), runtime.ClaimsFolder).Refresh(of, runtime.Objects);
        }
        catch (PodConfigException)
        {
            return; // deleted under a running container: it keeps the files it has, as in a cluster
        }
    }

    private async Task<bool> StopAsync(CancellationToken cancellationToken)
    {
        var seconds = pod?.Metadata.DeletionGracePeriodSeconds ?? pod?.Spec.TerminationGracePeriodSeconds ?? record.TerminationGracePeriodSeconds;
        foreach (var container in containers.Values)
        {
            container.Stop(TimeSpan.FromSeconds(seconds), gone ? "Gone" : "Deleted");
        }

        SaveRecord();
        if (!gone)
        {
            Report();
        }

        if (containers.Values.Any(container => container.IsRunning))
        {
            return false;
        }

        if (!gone)
        {
            await runtime.Reporter.RemoveAsync(pod!, cancellationToken);
        }

        runtime.Records.Delete(record.Uid);
        runtime.Logger.PodGone(Display);
        return true;
    }

    private void Report()
    {
        var observed = (pod!.Spec.Containers ?? []).Select(spec =>
        {
            var slot = Slot(spec.Name);
            return new ContainerObservation(spec, slot.Record, slot.Waiting, slot.IsRunning, slot.Ready, slot.Finished || (pod.Metadata.DeletionTimestamp is not null && !slot.IsRunning && slot.Record.StartedAt is not null));
        }).ToList();
        var status = PodStatusBuilder.Build(placement, record.StartTime, observed, reported, runtime.Time.GetUtcNow());
        if (reported is null || !KubernetesJson.ToBytes(reported).AsSpan().SequenceEqual(KubernetesJson.ToBytes(status)))
        {
            reported = status;
            runtime.Reporter.Status(pod, status);
        }
    }

    private void LimitLogs()
    {
        var now = runtime.Time.GetUtcNow();
        if (now >= nextLogCheck)
        {
            nextLogCheck = now + LogCheck;
            foreach (var container in containers.Values)
            {
                container.LimitLog(record.Uid);
            }
        }
    }

    private TimeSpan NextWait()
    {
        var wait = containers.Values.Any(container => container.MustPoll) ? PollTick : Tick;
        var now = runtime.Time.GetUtcNow();
        foreach (var container in containers.Values)
        {
            if (container.Due is { } due && due - now < wait)
            {
                wait = due - now;
            }
        }

        return wait < TimeSpan.FromMilliseconds(20) ? TimeSpan.FromMilliseconds(20) : wait;
    }
}
