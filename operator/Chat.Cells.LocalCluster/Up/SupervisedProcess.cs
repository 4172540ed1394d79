using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>
/// One of the cluster's own processes: started in a session of its own, restarted when it dies, stopped by the identity that it was started with.
/// </summary>
public sealed class SupervisedProcess(string name, IReadOnlyList<string> command, ClusterPaths paths, UpConsole console, TimeProvider time) : IAsyncDisposable
{
    private const long LogLimit = 32L * 1024 * 1024;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongRun = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource stopping = new();
    private Task supervising = Task.CompletedTask;
    private DetachedProcess? current;

    /// <summary>The process that runs now; null when none does.</summary>
    public ProcessIdentity? Identity => Volatile.Read(ref current)?.Identity;

    /// <summary>How often it had to be started again.</summary>
    public int Restarts { get; private set; }

    /// <summary>Called after each restart.</summary>
    public Action? Restarted { get; set; }

    /// <summary>Stops what an earlier supervisor, killed before it could, has left running.</summary>
    public static async Task StopLeftoverAsync(string name, ClusterPaths paths, TimeProvider time, CancellationToken cancellationToken)
    {
        if (ProcessIdentity.ReadFile(paths.ProcessFile(name)) is { IsAlive: true } left)
        {
            await ProcessSignals.StopAsync(left, Grace, time, cancellationToken);
        }
    }

    /// <summary>Starts it and keeps it running.</summary>
    public void Start()
    {
        Launch();
        supervising = SuperviseAsync();
    }

    /// <summary>The last lines of its log, for an error message.</summary>
    public string LogTail(int lines = 15)
    {
        var log = paths.Log(name);
        return File.Exists(log) ? string.Join(Environment.NewLine, File.ReadLines(log).TakeLast(lines)) : "(no log)";
    }

    /// <summary>Stops it and no longer restarts it.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        await supervising;
        if (Identity is { } identity)
        {
            await ProcessSignals.StopAsync(identity, Grace, time, cancellationToken);
        }

        Interlocked.Exchange(ref current, null)?.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        stopping.Dispose();
    }

    private void Launch()
    {
        var log = new FileInfo(paths.Log(name));
        if (log.Exists && log.Length > LogLimit)
        {
            log.MoveTo(log.FullName + ".1", overwrite: true);
        }

        var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Where(entry => entry.Key is string key && PodRunner.Spec.PodEnvironment.IsPortableName(key))
            .ToDictionary(entry => (string)entry.Key, entry => (string)entry.Value!, StringComparer.Ordinal);
        var started = DetachedProcess.Start(new DetachedStart(command, environment, paths.Data, paths.Log(name), paths.ProcessFile(name)));
        Interlocked.Exchange(ref current, started)?.Dispose();
    }

    private async Task SuperviseAsync()
    {
        var wait = First;
        try
        {
            while (true)
            {
                var since = time.GetTimestamp();
                var exitCode = await current!.WaitForExitAsync(stopping.Token);
                wait = time.GetElapsedTime(since) > LongRun ? First : TimeSpan.FromTicks(Math.Min(wait.Ticks * 2, LongestWait.Ticks));
                Restarts++;
                console.Step($"{name} ended with exit code {exitCode} and is started again (its log: {paths.Log(name)})");
                await RelaunchAsync(wait);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return;
        }
    }

    // Whatever stands in the way, a full disk for one, may pass: it is tried until it works.
    private async Task RelaunchAsync(TimeSpan wait)
    {
        while (true)
        {
            await Task.Delay(wait, time, stopping.Token);
            try
            {
                Launch();
                Restarted?.Invoke();
                return;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                wait = LongestWait;
                if (Identity is { IsAlive: true })
                {
                    console.Step($"{name} runs again, but that could not be noted: {e.Message}");
                    return;
                }

                console.Step($"{name} cannot be started and is tried again: {e.Message}");
            }
        }
    }
}
