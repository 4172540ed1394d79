using Chat.Cells.LocalCluster.PodRunner.Probes;
using Chat.Cells.LocalCluster.PodRunner.State;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>What all pods of this machine share.</summary>
public sealed record PodRuntime
{
    public required PodRecordStore Records { get; init; }

    public required ImageMap Images { get; init; }

    public required IPodObjects Objects { get; init; }

    public required IPodReporter Reporter { get; init; }

    public required Prober Prober { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILogger Logger { get; init; }

    /// <summary>The folder below which every claim has its own.</summary>
    public required string ClaimsFolder { get; init; }

    /// <summary>The kubeconfig that pods get, unless they opt out.</summary>
    public required string Kubeconfig { get; init; }

    /// <summary>Logs are cut above this size, in bytes.</summary>
    public long LogLimit { get; init; } = 32L * 1024 * 1024;
}
