using System.Globalization;

namespace Chat.Cells.Bench.Measure;

/// <summary>
/// What all processes of the machine use, from <c>/proc/stat</c>: how much of it is neither a server's nor the generator's tells how calm the machine was. Time taken by the host of a
/// virtual machine counts as used; interrupts, which serve our sockets too, don't.
/// </summary>
internal static class MachineCpu
{
    private const double TicksPerSecond = 100; // USER_HZ, fixed on Linux

    /// <summary>CPU seconds since boot, over all cores.</summary>
    public static double Seconds => Parse(File.ReadLines("/proc/stat").First());

    /// <summary>CPU seconds of this process.</summary>
    public static double OwnSeconds => Environment.CpuUsage.TotalTime.TotalSeconds;

    /// <summary>Reads <c>cpu user nice system idle iowait irq softirq steal …</c>.</summary>
    internal static double Parse(string line)
    {
        var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        long Field(int i) => i < fields.Length ? long.Parse(fields[i], CultureInfo.InvariantCulture) : 0;
        return (Field(1) + Field(2) + Field(3) + Field(8)) / TicksPerSecond;
    }
}
