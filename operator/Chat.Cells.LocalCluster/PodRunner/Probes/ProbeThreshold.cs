using Chat.Cells.LocalCluster.PodRunner.Spec;

namespace Chat.Cells.LocalCluster.PodRunner.Probes;

/// <summary>Turns single results into a verdict: so many in a row change it. Kubernetes' defaults: 1 success, 3 failures.</summary>
public sealed class ProbeThreshold(ProbeSpec probe, bool initially)
{
    private readonly int successes = Math.Max(probe.SuccessThreshold ?? 1, 1);
    private readonly int failures = Math.Max(probe.FailureThreshold ?? 3, 1);
    private bool lastResult = initially;
    private int inARow;

    /// <summary>The verdict so far.</summary>
    public bool Healthy { get; private set; } = initially;

    /// <summary>Takes one result. True when as many in a row as are needed for its verdict have now come, whether or not the verdict was another before.</summary>
    public bool Add(bool success)
    {
        inARow = success == lastResult ? inARow + 1 : 1;
        lastResult = success;
        if (inARow < (success ? successes : failures))
        {
            return false;
        }

        Healthy = success;
        return true;
    }
}
