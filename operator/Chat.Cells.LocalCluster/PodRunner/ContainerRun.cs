using Chat.Cells.LocalCluster.PodRunner.Probes;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>One run of a container: its process, and what watches it.</summary>
/// <param name="identity">The process.</param>
/// <param name="child">The process as a child of this runner; null when it was found again.</param>
internal sealed class ContainerRun(ProcessIdentity identity, DetachedProcess? child)
{
    private readonly CancellationTokenSource watching = new();
    private readonly CancellationTokenSource probed = new();
    private Task probing = Task.CompletedTask;
    private Task exit = Task.CompletedTask;

    public ProcessIdentity Identity => identity;

    public DetachedProcess? Child => child;

    public bool Ready { get; set; }

    /// <summary>Why it is being stopped; null when it is not.</summary>
    public string? StopReason { get; set; }

    /// <summary>When a process that is being stopped is killed.</summary>
    public DateTimeOffset? KillAt { get; set; }

    public void WatchExit(Action<int> ended) => exit = WatchExitAsync(ended);

    public void Probe(ContainerProbes probes, bool alreadyStarted, bool ready, TimeSpan uptime) =>
        probing = probes.RunAsync(alreadyStarted, ready, uptime, probed.Token);

    public void StopProbing()
    {
        Ready = false;
        probed.Cancel();
    }

    /// <summary>Stops watching; the process is not touched.</summary>
    public async Task LetGoAsync()
    {
        await probed.CancelAsync();
        await watching.CancelAsync();
        await probing;
        await exit;
        probed.Dispose();
        watching.Dispose();
        child?.Dispose();
    }

    private async Task WatchExitAsync(Action<int> ended)
    {
        try
        {
            ended(await child!.WaitForExitAsync(watching.Token));
        }
        catch (OperationCanceledException)
        {
            return; // no longer ours to watch
        }
    }
}
