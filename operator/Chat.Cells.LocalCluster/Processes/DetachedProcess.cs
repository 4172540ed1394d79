using System.Diagnostics;

namespace Chat.Cells.LocalCluster.Processes;

/// <summary>What to start, and where its output and its identity go.</summary>
/// <param name="Command">The program and its arguments; at least the program.</param>
/// <param name="Environment">The whole environment of the process; nothing else is inherited.</param>
/// <param name="WorkingDirectory">An existing folder.</param>
/// <param name="LogFile">stdout and stderr are appended here by the process itself, not through a pipe.</param>
/// <param name="ProcessFile">The process writes its identity here before it becomes the program.</param>
public sealed record DetachedStart(
    IReadOnlyList<string> Command, IReadOnlyDictionary<string, string> Environment, string WorkingDirectory, string LogFile, string ProcessFile);

/// <summary>
/// A process in a session of its own, with its output straight to a file: it outlives whoever started it, and can be found again by its process file.
/// </summary>
public sealed class DetachedProcess : IDisposable
{
    // The shell leaves its own identity and then becomes the program: pid and start time survive exec, so there is no moment at which the program runs unrecorded.
    private const string Shim =
        "log=$1; file=$2; shift 2; read -r boot </proc/sys/kernel/random/boot_id; read -r stat </proc/$$/stat; "
        + "printf '%s\\n%s\\n' \"$boot\" \"$stat\" >\"$file.tmp\" && mv -f \"$file.tmp\" \"$file\" && exec setsid \"$@\" </dev/null >>\"$log\" 2>&1";

    private readonly Process process;

    private DetachedProcess(Process process, ProcessIdentity identity)
    {
        this.process = process;
        Identity = identity;
    }

    /// <summary>Which process it is.</summary>
    public ProcessIdentity Identity { get; }

    /// <summary>Starts the process.</summary>
    /// <exception cref="IOException">The shell cannot be started, or its folder does not exist.</exception>
    public static DetachedProcess Start(DetachedStart start)
    {
        var info = new ProcessStartInfo("/bin/sh") { WorkingDirectory = start.WorkingDirectory, UseShellExecute = false };
        foreach (var argument in (string[])["-c", Shim, "sh", start.LogFile, start.ProcessFile, .. start.Command])
        {
            info.ArgumentList.Add(argument);
        }

        info.Environment.Clear();
        foreach (var (name, value) in start.Environment)
        {
            info.Environment[name] = value;
        }

        File.Delete(start.ProcessFile);
        Process started;
        try
        {
            started = Process.Start(info) ?? throw new IOException($"{start.Command[0]} could not be started.");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new IOException($"{start.Command[0]} could not be started in {start.WorkingDirectory}: {e.Message}", e);
        }

        // A child that is gone already is still a zombie of ours or known by its pid alone; start time 0 never matches a live process.
        var identity = ProcessIdentity.Of(started.Id) ?? new ProcessIdentity(started.Id, 0, ProcessIdentity.ThisBoot);
        return new DetachedProcess(started, identity);
    }

    /// <summary>Waits for the end and returns the exit code (128 + signal when a signal ended it).</summary>
    public async Task<int> WaitForExitAsync(CancellationToken cancellationToken)
    {
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode;
    }

    /// <summary>Forgets the process without touching it.</summary>
    public void Dispose() => process.Dispose();
}
