namespace Chat.Cells.LocalCluster.PodRunner.State;

/// <summary>
/// How long a container that ended waits before it runs again: 1 s, doubled up to 60 s, from the start again after a run of 10 minutes. (A kubelet begins at
/// 10 s and ends at 5 min; on a laptop somebody is waiting.)
/// </summary>
public static class CrashBackoff
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Forgiven = TimeSpan.FromMinutes(10);

    /// <summary>The wait after this many ends in a row; zero for none.</summary>
    public static TimeSpan Delay(int endsInARow) =>
        endsInARow <= 0 ? TimeSpan.Zero : TimeSpan.FromTicks(Math.Min(First.Ticks << Math.Min(endsInARow - 1, 16), Longest.Ticks));

    /// <summary>The number of ends in a row after a run of this length ended.</summary>
    public static int Next(int endsInARow, TimeSpan ran) => ran >= Forgiven ? 1 : endsInARow + 1;
}
