using Chat.Cells.Processes;

namespace Chat.Cells.Load.Bench;

/// <summary>CPU seconds that the cluster's serving processes use, from <c>/proc</c>.</summary>
public sealed class CpuMeter(ICluster? cluster)
{
    private static readonly string[] Serving = ["cell", "bridge", "router", "services"];
    private readonly (ProcessRef Process, double Seconds)[] start = cluster is null
        ? []
        : Serving.SelectMany(cluster.Find).Select(p => (p, p.CpuSeconds ?? 0)).ToArray();

    /// <summary>How many processes are metered.</summary>
    public int Processes => start.Length;

    /// <summary>Since this was made.</summary>
    public double Used => start.Sum(s => (s.Process.CpuSeconds ?? s.Seconds) - s.Seconds);
}
