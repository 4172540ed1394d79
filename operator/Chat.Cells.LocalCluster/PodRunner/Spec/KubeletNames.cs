namespace Chat.Cells.LocalCluster.PodRunner.Spec;

/// <summary>The words that kubelets use in statuses and events; people and tools search for them.</summary>
internal static class KubeletNames
{
    public const string NodeName = "local";
    public const string HostIP = "127.0.0.1";

    public const string ContainerCreating = "ContainerCreating";
    public const string ErrImageNeverPull = "ErrImageNeverPull";
    public const string CreateContainerConfigError = "CreateContainerConfigError";
    public const string RunContainerError = "RunContainerError";
    public const string CrashLoopBackOff = "CrashLoopBackOff";
    public const string Completed = "Completed";
    public const string Error = "Error";
    public const string ContainerStatusUnknown = "ContainerStatusUnknown";
}
