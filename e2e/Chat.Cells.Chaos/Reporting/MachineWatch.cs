using System.Globalization;

namespace Chat.Cells.Chaos.Reporting;

/// <summary>
/// Watches whether the machine keeps up, so that a scenario that ran out of time on a machine which stood still isn't blamed on the servers: how late timers fire,
/// how many descriptors are left, how much room the disk has.
/// </summary>
public sealed class MachineWatch : IAsyncDisposable
{
    /// <summary>A timer that fires so late means that nothing can be said of time-outs.</summary>
    public static readonly TimeSpan TooLate = TimeSpan.FromSeconds(3);

    private const int LeastDescriptors = 200;
    private const long LeastDiskBytes = 200L * 1024 * 1024;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private readonly CancellationTokenSource stopping = new();
    private readonly string folder;
    private readonly TimeProvider time;
    private readonly Task watching;
    private long begun;
    private readonly Lock gate = new();
    private readonly List<Lateness> open = [];

    /// <param name="folder">Where the run writes.</param>
    /// <param name="time">The clock.</param>
    public MachineWatch(string folder, TimeProvider time)
    {
        this.folder = folder;
        this.time = time;
        begun = time.GetTimestamp();
        watching = Task.Run(WatchAsync);
    }

    /// <summary>Begins to watch for one scenario; several may run at once.</summary>
    public Lateness Begin()
    {
        var lateness = new Lateness(time, Overdue, End);
        lock (gate) open.Add(lateness);
        return lateness;

        void End(Lateness ended)
        {
            lock (gate) open.Remove(ended);
        }
    }

    /// <summary>Looks before a scenario whether there is room for it.</summary>
    /// <exception cref="MachineException">There isn't.</exception>
    public void CheckRoom()
    {
        if (LeftDescriptors() is { } left && left < LeastDescriptors) throw new MachineException($"{left} descriptors are left, {LeastDescriptors} are needed: raise `ulimit -n`.");
        var disk = new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        if (disk < LeastDiskBytes) throw new MachineException(FormattableString.Invariant($"{disk / 1024 / 1024} MB of disk are left at {folder}, {LeastDiskBytes / 1024 / 1024} are needed."));
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await watching;
        stopping.Dispose();
    }

    private static int? LeftDescriptors()
    {
        foreach (var line in File.ReadLines("/proc/self/limits"))
        {
            if (!line.StartsWith("Max open files", StringComparison.Ordinal)) continue;
            var soft = line["Max open files".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
            return int.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit - Directory.GetFiles("/proc/self/fd").Length : null;
        }
        return null;
    }

    /// <summary>How late the timer is that hasn't fired yet.</summary>
    private TimeSpan Overdue() => time.GetElapsedTime(Volatile.Read(ref begun)) - Interval;

    private async Task WatchAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            var start = time.GetTimestamp();
            Volatile.Write(ref begun, start);
            await Task.Delay(Interval, time, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var late = time.GetElapsedTime(start) - Interval;
            lock (gate)
            {
                foreach (var lateness in open) lateness.Raise(late);
            }
        }
    }
}
