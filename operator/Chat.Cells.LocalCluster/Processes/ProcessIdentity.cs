using System.Globalization;

namespace Chat.Cells.LocalCluster.Processes;

/// <summary>
/// Names one process for good: a pid alone is reused by the kernel, a pid with its start time in one boot is not.
/// </summary>
/// <param name="Pid">The process id.</param>
/// <param name="StartTime">Start time in clock ticks since boot, field 22 of <c>/proc/&lt;pid&gt;/stat</c>.</param>
/// <param name="BootId">The kernel's boot id, so that a record from before a reboot never matches.</param>
public sealed record ProcessIdentity(int Pid, long StartTime, string BootId)
{
    private static readonly Lazy<string> CurrentBootId = new(() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim());

    /// <summary>The boot id of the running kernel.</summary>
    public static string ThisBoot => CurrentBootId.Value;

    /// <summary>Whether exactly this process still runs; a zombie does not.</summary>
    public bool IsAlive =>
        string.Equals(BootId, ThisBoot, StringComparison.Ordinal)
        && ProcStat.TryRead(Pid) is { IsZombie: false } stat
        && stat.StartTime == StartTime;

    /// <summary>Identifies a running process, or null when there is none with this pid.</summary>
    public static ProcessIdentity? Of(int pid) =>
        ProcStat.TryRead(pid) is { } stat ? new ProcessIdentity(stat.Pid, stat.StartTime, ThisBoot) : null;

    /// <summary>Reads what a starting process left in its process file: the boot id, then its own stat line. Null when the file is missing or torn.</summary>
    public static ProcessIdentity? ReadFile(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (IOException)
        {
            return null;
        }

        return lines.Length >= 2 && lines[0].Length > 0 && ProcStat.TryParse(lines[1]) is { } stat
            ? new ProcessIdentity(stat.Pid, stat.StartTime, lines[0].Trim())
            : null;
    }
}

/// <summary>The few fields of <c>/proc/&lt;pid&gt;/stat</c> that tell one process from another.</summary>
internal readonly record struct ProcStat(int Pid, char State, long StartTime)
{
    public bool IsZombie => State is 'Z' or 'X';

    public static ProcStat? TryRead(int pid)
    {
        try
        {
            return TryParse(File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat")));
        }
        catch (IOException)
        {
            return null; // no such process, or it went away while it was read
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    public static ProcStat? TryParse(string line)
    {
        // "pid (comm) state ppid …": comm may hold spaces and parentheses, so count from the last one.
        var close = line.LastIndexOf(')');
        var open = line.IndexOf('(', StringComparison.Ordinal);
        if (open < 1 || close < open || !int.TryParse(line.AsSpan(0, open).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
        {
            return null;
        }

        var fields = line[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        const int startTimeAfterComm = 22 - 3;
        return fields.Length > startTimeAfterComm && long.TryParse(fields[startTimeAfterComm], NumberStyles.None, CultureInfo.InvariantCulture, out var start)
            ? new ProcStat(pid, fields[0][0], start)
            : null;
    }
}
