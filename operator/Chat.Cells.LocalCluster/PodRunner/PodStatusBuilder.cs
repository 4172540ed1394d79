using System.Globalization;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using Chat.Cells.LocalCluster.PodRunner.State;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>What is known about one container, for its status.</summary>
internal sealed record ContainerObservation(ContainerSpec Spec, ContainerRecord Record, Waiting? Waiting, bool Running, bool Ready, bool Finished);

/// <summary>Writes a pod's status from what its containers do. Pure.</summary>
internal static class PodStatusBuilder
{
    public static V1PodStatus Build(PodPlacement placement, DateTimeOffset startTime, IReadOnlyList<ContainerObservation> containers, V1PodStatus? previous, DateTimeOffset now)
    {
        var phase = Phase(containers);
        var unready = containers.Where(container => !container.Ready).Select(container => container.Spec.Name).ToList();
        var over = phase is "Succeeded" or "Failed";
        var (readyReason, readyMessage) = unready.Count == 0 ? (null, null)
            : over ? ("PodCompleted", null)
            : ("ContainersNotReady", (string?)$"containers with unready status: [{string.Join(' ', unready)}]");
        var ready = unready.Count == 0 ? "True" : "False";
        return new V1PodStatus
        {
            Phase = phase,
            HostIP = placement.HostIP,
            PodIP = placement.PodIP,
            PodIPs = [new V1PodIP { Ip = placement.PodIP }],
            StartTime = startTime,
            QosClass = "BestEffort",
            Conditions =
            [
                Condition(previous, "PodReadyToStartContainers", "True", null, null, now),
                Condition(previous, "Initialized", "True", over && unready.Count > 0 ? "PodCompleted" : null, null, now),
                Condition(previous, "Ready", ready, readyReason, readyMessage, now),
                Condition(previous, "ContainersReady", ready, readyReason, readyMessage, now),
                Condition(previous, "PodScheduled", "True", null, null, now),
            ],
            ContainerStatuses = [.. containers.Select(Container)],
        };
    }

    private static string Phase(IReadOnlyList<ContainerObservation> containers)
    {
        if (containers.Count > 0 && containers.All(container => container.Finished))
        {
            return containers.All(container => container.Record.LastTermination?.ExitCode == 0) ? "Succeeded" : "Failed";
        }

        // As a kubelet: Running as soon as every container has been started once.
        return containers.Count > 0 && containers.All(container => container.Running || container.Finished || container.Record.StartedAt is not null) ? "Running" : "Pending";
    }

    private static V1PodCondition Condition(V1PodStatus? previous, string type, string status, string? reason, string? message, DateTimeOffset now)
    {
        var before = previous?.Conditions?.FirstOrDefault(condition => string.Equals(condition.Type, type, StringComparison.Ordinal));
        return new V1PodCondition
        {
            Type = type,
            Status = status,
            Reason = reason,
            Message = message,
            LastTransitionTime = before is not null && string.Equals(before.Status, status, StringComparison.Ordinal) ? before.LastTransitionTime : now,
        };
    }

    private static V1ContainerStatus Container(ContainerObservation container)
    {
        var last = container.Record.LastTermination is { } termination ? Terminated(termination) : null;
        var state = container switch
        {
            { Running: true } => new V1ContainerState { Running = new V1ContainerStateRunning { StartedAt = container.Record.StartedAt } },
            { Finished: true } => last,
            _ => new V1ContainerState { Waiting = new V1ContainerStateWaiting { Reason = container.Waiting?.Reason ?? KubeletNames.ContainerCreating, Message = container.Waiting is { Message.Length: > 0 } waiting ? waiting.Message : null } },
        };
        return new V1ContainerStatus
        {
            Name = container.Spec.Name,
            Image = container.Spec.Image,
            ImageID = "local://" + container.Spec.Image,
            ContainerID = container.Record.Process is { } process ? string.Create(CultureInfo.InvariantCulture, $"process://{process.Pid}-{process.StartTime}") : null,
            Ready = container.Ready,
            Started = container.Running && container.Record.Started,
            RestartCount = container.Record.RestartCount,
            State = state,
            LastState = container.Finished ? null : last,
        };
    }

    private static V1ContainerState Terminated(TerminationRecord termination) => new()
    {
        Terminated = new V1ContainerStateTerminated
        {
            ExitCode = termination.ExitCode,
            Signal = termination.ExitCode > 128 && string.Equals(termination.Reason, KubeletNames.Error, StringComparison.Ordinal) ? termination.ExitCode - 128 : null,
            Reason = termination.Reason,
            Message = termination.Message,
            StartedAt = termination.StartedAt,
            FinishedAt = termination.FinishedAt,
        },
    };
}
