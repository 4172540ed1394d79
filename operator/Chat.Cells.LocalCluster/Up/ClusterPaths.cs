namespace Chat.Cells.LocalCluster.Up;

/// <summary>Where a cluster keeps its things, below one data folder.</summary>
/// <param name="Data">The folder of this cluster, absolute.</param>
public sealed record ClusterPaths(string Data)
{
    public string Lock => Path.Combine(Data, "up.lock");

    public string Settings => Path.Combine(Data, "settings.json");

    /// <summary>Present while everything is ready; what scripts read.</summary>
    public string Description => Path.Combine(Data, "cluster.json");

    public string Kubeconfig => Path.Combine(Data, "kubeconfig");

    public string Images => Path.Combine(Data, "images.json");

    public string ForwarderState => Path.Combine(Data, "services.json");

    public string Pods => Path.Combine(Data, "pods");

    public string Log(string process) => Path.Combine(Data, "logs", process + ".log");

    public string ProcessFile(string process) => Path.Combine(Data, "run", process + ".proc");

    /// <summary>Makes the folders, for their owner only.</summary>
    public void Create()
    {
        foreach (var folder in (string[])[Data, Path.Combine(Data, "logs"), Path.Combine(Data, "run"), Pods])
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
