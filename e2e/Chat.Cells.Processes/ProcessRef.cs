using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Chat.Cells.Processes;

/// <summary>One process of the cluster, named for good by its pid and start time.</summary>
/// <param name="Name">For people: <c>cell eu-west-1-0</c>.</param>
/// <param name="StartTime">Clock ticks since boot, field 22 of <c>/proc/pid/stat</c>.</param>
public sealed partial record ProcessRef(string Name, int Pid, long StartTime)
{
    private const double TicksPerSecond = 100; // USER_HZ, fixed on Linux.

    public bool IsAlive => ReadStat(Pid) is { State: not ('Z' or 'X') } stat && stat.StartTime == StartTime;

    /// <summary>CPU seconds used so far, user and system; null when it is gone.</summary>
    public double? CpuSeconds => ReadStat(Pid) is { } stat && stat.StartTime == StartTime ? stat.CpuTicks / TicksPerSecond : null;

    /// <summary>Resident memory in bytes; null when it is gone.</summary>
    public long? ResidentBytes => IsAlive ? ReadResident(Pid) : null;

    /// <summary>SIGKILL. False: this very process no longer ran.</summary>
    public bool Kill()
    {
        if (!IsAlive) return false;
        try
        {
            using var process = Process.GetProcessById(Pid);
            process.Kill();
            return true;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>SIGSTOP: it hangs until <see cref="Resume"/>. False: this very process no longer ran.</summary>
    public bool Pause() => IsAlive && Signal(Pid, 19) == 0;

    /// <summary>SIGCONT.</summary>
    public bool Resume() => IsAlive && Signal(Pid, 18) == 0;

    /// <summary>SIGTERM: it is asked to stop. False: this very process no longer ran.</summary>
    public bool Terminate() => IsAlive && Signal(Pid, 15) == 0;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Signal(int pid, int signal);

    /// <summary>The process with a pid; null when there is none.</summary>
    public static ProcessRef? Of(string name, int pid) => ReadStat(pid) is { } stat ? new ProcessRef(name, pid, stat.StartTime) : null;

    /// <summary>Parses a line of <c>/proc/pid/stat</c>.</summary>
    public static ProcessRef? Parse(string name, string statLine) =>
        ParseStat(statLine) is { } stat ? new ProcessRef(name, stat.Pid, stat.StartTime) : null;

    private static (int Pid, char State, long CpuTicks, long StartTime)? ReadStat(int pid)
    {
        try
        {
            return ParseStat(File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat")));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static long? ReadResident(int pid)
    {
        const string field = "VmRSS:";
        try
        {
            var line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/status")).FirstOrDefault(l => l.StartsWith(field, StringComparison.Ordinal));
            return line is not null && long.TryParse(line.AsSpan(field.Length, line.Length - field.Length - "kB".Length), NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var kilobytes)
                ? kilobytes * 1024
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static (int Pid, char State, long CpuTicks, long StartTime)? ParseStat(string line)
    {
        // "pid (comm) state ppid …": comm may hold anything, so count from the last parenthesis.
        var close = line.LastIndexOf(')');
        var open = line.IndexOf('(', StringComparison.Ordinal);
        if (open < 1 || close < open || !int.TryParse(line.AsSpan(0, open).Trim(), out var pid)) return null;
        var fields = line[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (fields.Length < 20 || !long.TryParse(fields[11], out var user) || !long.TryParse(fields[12], out var system) || !long.TryParse(fields[19], out var start)) return null;
        return (pid, fields[0][0], user + system, start);
    }
}
