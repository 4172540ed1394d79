using System.Runtime.InteropServices;

namespace Chat.Cells.LocalCluster.Processes;

/// <summary>The signals this project sends.</summary>
public enum UnixSignal
{
    /// <summary>SIGKILL.</summary>
    Kill = 9,

    /// <summary>SIGTERM.</summary>
    Terminate = 15,
}

/// <summary>
/// Sends signals to processes by identity. The kernel's process descriptor (pidfd) is opened first and the identity checked after, so that
/// even a pid reused between the check and the signal is never hit.
/// </summary>
public static partial class ProcessSignals
{
    private const long SysPidfdSendSignal = 424;
    private const long SysPidfdOpen = 434;

    /// <summary>Signals the process. False when it no longer runs, or when another process has its pid; nothing is signalled then.</summary>
    public static bool TrySend(ProcessIdentity process, UnixSignal signal)
    {
        var descriptor = PidfdOpen(SysPidfdOpen, process.Pid, 0);
        if (descriptor < 0)
        {
            return false;
        }

        using var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle((nint)descriptor, ownsHandle: true);
        return process.IsAlive && PidfdSendSignal(SysPidfdSendSignal, (int)descriptor, (int)signal, 0, 0) == 0;
    }

    /// <summary>SIGTERM, then SIGKILL when the process still runs after the grace period. Returns once it is gone.</summary>
    /// <returns>True when it went by itself within the grace period (or was gone already).</returns>
    public static async Task<bool> StopAsync(ProcessIdentity process, TimeSpan grace, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!TrySend(process, UnixSignal.Terminate))
        {
            return true;
        }

        if (await WaitForExitAsync(process, grace, time, cancellationToken))
        {
            return true;
        }

        TrySend(process, UnixSignal.Kill);
        await WaitForExitAsync(process, TimeSpan.FromMinutes(1), time, cancellationToken);
        return false;
    }

    /// <summary>Waits until the process is gone; false when it still runs at the end of the time given.</summary>
    public static async Task<bool> WaitForExitAsync(ProcessIdentity process, TimeSpan atMost, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (process.IsAlive)
        {
            if (time.GetElapsedTime(started) >= atMost)
            {
                return false;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
        }

        return true;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long PidfdOpen(long number, int pid, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long PidfdSendSignal(long number, int descriptor, int signal, nint info, uint flags);
}
