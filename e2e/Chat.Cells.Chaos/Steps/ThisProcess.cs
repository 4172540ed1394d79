using System.Runtime.InteropServices;

namespace Chat.Cells.Chaos.Steps;

/// <summary>Signals to this process.</summary>
internal static partial class ThisProcess
{
    private const int SigStop = 19;

    /// <summary>SIGSTOP: returns when somebody has sent SIGCONT.</summary>
    public static void Stop()
    {
        if (Kill(Environment.ProcessId, SigStop) != 0) throw new InvalidOperationException($"SIGSTOP failed: error {Marshal.GetLastPInvokeError()}.");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int pid, int signal);
}
