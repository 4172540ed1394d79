using Chat.Cells.Load.World;
using Chat.Cells.Processes;

namespace Chat.Cells.Load.Smoke;

/// <summary>What one kill did.</summary>
/// <param name="Recovery">From the kill until everything open at that instant was answered and shown everywhere, and every device was live again.</param>
/// <param name="Back">From the kill until the process ran again; null when it did not within the wait.</param>
/// <param name="Limited">Times in the recovery that a send was told to wait for its user's rate limit: not 0 means that the recovery may be the senders' doing.</param>
public sealed record KillResult(string Role, string Victim, int Unacked, int InOneChannel, TimeSpan Recovery, TimeSpan? Back, int Limited)
{
    /// <summary>For people; empty when nobody had to wait.</summary>
    public string LimitNote => Limited == 0 ? "" : $"; in it {Limited} answers told senders to wait for their rate limit";
}

/// <summary>Kills one process of a role with SIGKILL, at an instant with enough sends on the wire, and waits until the cluster is over it.</summary>
public sealed class Kill(ICluster cluster, RunWorld world, Pacer pacer, Random random, TimeProvider time, Progress progress)
{
    public const int LeastUnacked = 50;
    public const int LeastInOneChannel = 8;
    private const int BurstSize = 120;
    private const int BurstInOneChannel = 16;
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <exception cref="LoadException">There was nothing to kill, or the state to kill in never came, or the cluster did not recover.</exception>
    public async Task<KillResult> RunAsync(string role, CancellationToken cancellationToken)
    {
        var victims = cluster.Find(role);
        if (victims.Count == 0) throw new LoadException($"No running process of role {role} was found in the cluster.");
        var victim = victims.OrderBy(v => v.Name, StringComparer.Ordinal).ElementAt(random.Next(victims.Count));
        var (unacked, inOneChannel) = await ReachLoadAsync(cancellationToken);
        if (!victim.Kill()) throw new LoadException($"{victim.Name} ({victim.Pid}) was gone before it was killed.");
        var killedAt = time.GetTimestamp();
        var caught = world.Tracker.OpenNow();
        var limitedBefore = world.Tracker.Limited;
        var limited = 0;
        progress.Say($"killed {victim.Name} (pid {victim.Pid}) with {unacked} sends unacked, {inOneChannel} in flight in one channel");
        TimeSpan? back = null;
        TimeSpan? recovered = null;
        while (back is null || recovered is null)
        {
            await Task.Delay(20, cancellationToken);
            var elapsed = time.GetElapsedTime(killedAt);
            if (back is null && cluster.Find(role).Count(p => p != victim) >= victims.Count) back = elapsed;
            if (recovered is null && world.Tracker.AreDone(caught) && world.Devices.All(d => d.Client.State == Client.Connections.ConnectionState.Live))
            {
                recovered = elapsed;
                limited = world.Tracker.Limited - limitedBefore;
            }
            if (elapsed > Bound) break;
        }
        if (recovered is null)
        {
            var notLive = world.Devices.Count(d => d.Client.State != Client.Connections.ConnectionState.Live);
            throw new LoadException($"{Bound.TotalSeconds} s after {victim.Name} was killed, {notLive} devices are not live and {world.Tracker.Open} messages are open.");
        }
        if (back is null) throw new LoadException($"{Bound.TotalSeconds} s after {victim.Name} was killed it did not run again.");
        var result = new KillResult(role, victim.Name, unacked, inOneChannel, recovered.Value, back, limited);
        progress.Say($"recovered in {recovered.Value.TotalSeconds:F2} s ({role} running again after {back.Value.TotalSeconds:F2} s){result.LimitNote}");
        return result;
    }

    /// <summary>Sends in bursts until enough is on the wire at one instant.</summary>
    private async Task<(int Unacked, int InOneChannel)> ReachLoadAsync(CancellationToken cancellationToken)
    {
        for (var burst = 0; burst < 20; burst++)
        {
            pacer.Burst(BurstSize, BurstInOneChannel);
            for (var look = 0; look < 50; look++)
            {
                var unacked = world.InFlight;
                if (unacked >= LeastUnacked)
                {
                    var most = world.Devices.Max(d => d.Client.InFlight == 0 ? 0 : world.Conversations.Max(c => d.Client.InFlightIn(c.ChannelId)));
                    if (most >= LeastInOneChannel) return (unacked, most);
                }
                await Task.Delay(1, cancellationToken);
            }
        }
        throw new LoadException($"There were never {LeastUnacked} sends on the wire with {LeastInOneChannel} of them in one channel.");
    }
}
