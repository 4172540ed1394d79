using System.Globalization;
using Chat.Cells.LocalCluster.PodRunner.State;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>Stops every pod's processes when the whole cluster stops. The pods' objects stay: the next start runs them again.</summary>
public sealed class PodShutdown(ClusterPaths paths, UpConsole console, TimeProvider time)
{
    private static readonly TimeSpan LongestGrace = TimeSpan.FromSeconds(60);

    /// <summary>SIGTERM to all at once, and SIGKILL to those that are still there after their grace period.</summary>
    /// <param name="hurry">When it is cancelled, nothing more is waited for.</param>
    public async Task StopAllAsync(CancellationToken hurry)
    {
        var store = new PodRecordStore(paths.Pods);
        var running = (from record in store.LoadAll((file, e) => console.Step($"{file} cannot be read: {e.Message}"))
                       from process in store.Running(record)
                       select (record.Name, record.TerminationGracePeriodSeconds, Process: process)).ToList();
        if (running.Count == 0)
        {
            return;
        }

        console.Step(string.Create(CultureInfo.InvariantCulture, $"stopping {running.Count} pods: {string.Join(", ", running.Select(pod => pod.Name))}"));
        await Task.WhenAll(running.Select(pod => StopAsync(pod.Name, TimeSpan.FromSeconds(pod.TerminationGracePeriodSeconds), pod.Process, hurry)));
    }

    private async Task StopAsync(string name, TimeSpan grace, ProcessIdentity process, CancellationToken hurry)
    {
        bool graceful;
        try
        {
            graceful = await ProcessSignals.StopAsync(process, grace < LongestGrace ? grace : LongestGrace, time, hurry);
        }
        catch (OperationCanceledException)
        {
            ProcessSignals.TrySend(process, UnixSignal.Kill);
            graceful = false;
        }

        if (!graceful)
        {
            console.Step($"{name} did not stop in time and was killed");
        }
    }
}
