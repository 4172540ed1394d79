namespace Chat.Cells.LocalCluster.Processes;

/// <summary>Says early and plainly where this program does not run.</summary>
public static class PlatformGuard
{
    /// <summary>Why this machine cannot run pods, or null when it can.</summary>
    public static string? Refusal() => OperatingSystem.IsLinux()
        ? null
        : "not supported here: the local cluster needs Linux (or WSL 2 on Windows): it tells processes apart by /proc and gives each pod an address of its own in 127.0.0.0/8. "
          + "On macOS or Windows use a kind cluster and charts/install.yaml.";
}
