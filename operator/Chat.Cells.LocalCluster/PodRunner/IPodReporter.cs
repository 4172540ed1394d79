using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner.Spec;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>Tells the API what happens to pods. Nothing here waits for the API: pods run on while it is down.</summary>
public interface IPodReporter
{
    /// <summary>Reports a status; of several unsent ones the newest is sent.</summary>
    void Status(PodObject pod, V1PodStatus status);

    /// <summary>An event of the pod.</summary>
    void Event(PodObject pod, bool warning, string reason, string message);

    /// <summary>The pod's processes are gone: removes the object for good. Returns once the API has agreed or the object is gone.</summary>
    Task RemoveAsync(PodObject pod, CancellationToken cancellationToken);
}

/// <summary>What pods refer to besides ConfigMaps and Secrets.</summary>
public interface IPodObjects : IPodConfigSource
{
    /// <summary>Why a claim cannot be used yet, or null when it can.</summary>
    string? ClaimProblem(string @namespace, string claim);
}
