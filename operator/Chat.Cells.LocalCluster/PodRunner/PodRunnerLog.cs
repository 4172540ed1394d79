namespace Chat.Cells.LocalCluster.PodRunner;

internal static partial class PodRunnerLog
{
    [LoggerMessage(1, LogLevel.Information, "Pod {Pod}: container {Container} started as process {Pid} on {Address}")]
    public static partial void ContainerStarted(this ILogger logger, string pod, string container, int pid, string address);

    [LoggerMessage(2, LogLevel.Information, "Pod {Pod}: container {Container} found again as process {Pid}")]
    public static partial void ContainerAdopted(this ILogger logger, string pod, string container, int pid);

    [LoggerMessage(3, LogLevel.Information, "Pod {Pod}: container {Container} ended with exit code {ExitCode} ({Reason})")]
    public static partial void ContainerEnded(this ILogger logger, string pod, string container, int exitCode, string reason);

    [LoggerMessage(4, LogLevel.Warning, "Pod {Pod}: container {Container} waits: {Reason}: {Message}")]
    public static partial void ContainerWaits(this ILogger logger, string pod, string container, string reason, string message);

    [LoggerMessage(14, LogLevel.Information, "Pod {Pod}: container {Container} waits: {Message}")]
    public static partial void ContainerNotYet(this ILogger logger, string pod, string container, string message);

    [LoggerMessage(5, LogLevel.Warning, "Pod {Pod}: container {Container}: {Probe} probe failed for good, restarting it: {Message}")]
    public static partial void ProbeRestarts(this ILogger logger, string pod, string container, string probe, string message);

    [LoggerMessage(6, LogLevel.Information, "Pod {Pod} is stopped and gone")]
    public static partial void PodGone(this ILogger logger, string pod);

    [LoggerMessage(7, LogLevel.Error, "Pod {Pod}: its worker failed and goes on")]
    public static partial void WorkerFailed(this ILogger logger, string pod, Exception exception);

    [LoggerMessage(8, LogLevel.Warning, "The pod record {File} cannot be read and is left alone; its processes, if any, are not watched")]
    public static partial void UnreadableRecord(this ILogger logger, string file, Exception exception);

    [LoggerMessage(9, LogLevel.Warning, "Pod {Pod}: the API did not take {What}, trying again: {Problem}")]
    public static partial void ReportFailed(this ILogger logger, string pod, string what, string problem);

    [LoggerMessage(10, LogLevel.Information, "Pod runner is ready: {Adopted} pods found again, addresses from {Cidr}")]
    public static partial void RunnerReady(this ILogger logger, int adopted, string cidr);

    [LoggerMessage(11, LogLevel.Information, "Claim {Claim} is bound to {Folder}")]
    public static partial void ClaimBound(this ILogger logger, string claim, string folder);

    [LoggerMessage(12, LogLevel.Information, "Claim {Claim} was deleted, and its folder {Folder} with it")]
    public static partial void ClaimDeleted(this ILogger logger, string claim, string folder);

    [LoggerMessage(13, LogLevel.Error, "{What} failed and is tried again")]
    public static partial void ReconcileFailed(this ILogger logger, string what, Exception exception);
}
