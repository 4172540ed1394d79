using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;
using Chat.Cells.Bench.Servers;

namespace Chat.Cells.Bench.Workloads;

/// <summary>What one phase at one rate showed.</summary>
/// <param name="Offered">Messages a second that were meant to be sent.</param>
/// <param name="DeliveredPerSecond">Messages at members other than their senders, from the first intended send until the last of them came.</param>
/// <param name="CpuSeconds">Of the server's process, for all of it.</param>
/// <param name="Kept">Everything came, once, nothing was refused, and 99 % of it within <see cref="Rooms.Promise"/>.</param>
internal sealed record Phase(
    double Offered, double DeliveredPerSecond, long Delivered, double CpuSeconds, double P50, double P99, double P999, double Max, double AckP99, double LateP99, bool Kept, string? Error)
{
    /// <summary>Server CPU seconds for so many deliveries.</summary>
    public double CpuPer(int deliveries) => Delivered == 0 ? 0 : CpuSeconds / Delivered * deliveries;
}

/// <summary>
/// Messages in rooms, all of one size. The schedule is fixed before the phase begins, and a latency counts from the moment that the schedule names, so that whatever a stall delays
/// counts in full (open loop, no coordinated omission).
/// </summary>
internal sealed class Rooms(IServerWorld world, Fleet fleet, int members, int contentBytes, Action<string> say)
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(20);

    /// <summary>The product's promise for a delivery, p99, in ms: a server that takes longer doesn't keep up, however much it moves.</summary>
    public const double Promise = 100;

    private const int Attempts = 8;
    private readonly Random random = new(1);
    private long number;

    private int Receivers { get; } = members <= Traffic.MostMembers ? members - 1 : throw new ArgumentOutOfRangeException(nameof(members));

    /// <summary>
    /// The highest rate that the server keeps up with: an estimate from a closed loop, then open loops below or above it, each rate tried twice before it is given up, because the
    /// machine may have been busy with something else. Returns the phase at the highest rate that was kept; else the last one, which then says so.
    /// </summary>
    public Phase FindSaturation(TimeSpan each)
    {
        var estimate = Math.Max(10, Probe(TimeSpan.FromSeconds(Math.Max(2, each.TotalSeconds / 2))));
        say($"a closed loop moves {estimate * Receivers:F0} deliveries/s");
        var rate = estimate;
        Phase? best = null;
        var last = Try(rate, each);
        for (var attempt = 1; attempt < Attempts; attempt++)
        {
            if (last.Kept)
            {
                best = best is null || last.Offered > best.Offered ? last : best;
                if (rate < estimate) break;
                rate = estimate = rate * 1.2;
            }
            else
            {
                if (best is not null) break;
                rate *= 0.75;
            }
            last = Try(rate, each);
        }
        return best ?? last;
    }

    /// <summary>Sends at a rate for a time, and waits until everything has come.</summary>
    public Phase Run(double rate, TimeSpan time)
    {
        var traffic = fleet.Traffic;
        traffic.Clear();
        var connections = fleet.Connections;
        var count = Math.Max(1, (long)(rate * time.TotalSeconds));
        var interval = Clock.Second / rate;
        var cpu = world.CpuSeconds;
        var start = Clock.Now + Clock.Millisecond;
        var offset = random.Next(connections.Count);
        for (var sent = 0L; sent < count;)
        {
            var now = Clock.Now;
            for (; sent < count && start + (long)(sent * interval) <= now; sent++)
            {
                var due = start + (long)(sent * interval);
                fleet.SendMessage(connections[Sender(sent, offset)], due, number++, contentBytes);
            }
            fleet.Poll(start + (long)(sent * interval));
        }
        var expected = traffic.Sent * Receivers;
        var all = fleet.PollUntil(() => traffic.Delivered + (traffic.Errors * Receivers) >= expected, Settle);
        var finished = Clock.Now;
        var p99 = traffic.Delivery.Percentile(99);
        var kept = all && traffic is { Doubled: 0, Errors: 0, Lost: 0 } && traffic.Sent == count && p99 <= Promise;
        return new Phase(
            rate, traffic.Delivered / Math.Max(0.001, (finished - start) / (double)Clock.Second), traffic.Delivered, world.CpuSeconds - cpu,
            traffic.Delivery.Percentile(50), p99, traffic.Delivery.Percentile(99.9), traffic.Delivery.Max / 1000.0,
            traffic.Ack.Percentile(99), traffic.Lateness.Percentile(99), kept, traffic.FirstError);
    }

    private Phase Try(double rate, TimeSpan each)
    {
        var phase = Run(rate, each);
        if (!phase.Kept) phase = Run(rate, each);
        say($"{phase.Offered * Receivers:F0}/s offered: {phase.DeliveredPerSecond:F0}/s delivered, p99 {phase.P99:F1} ms, {(phase.Kept ? "kept up" : "not kept up")}{(phase.Error is null ? "" : " (" + Shorten(phase.Error) + ")")}");
        return phase;
    }

    /// <summary>Keeps so many messages under way that the server always has some: messages a second.</summary>
    private double Probe(TimeSpan time)
    {
        var traffic = fleet.Traffic;
        traffic.Clear();
        var window = Math.Max(64, 1_024 / members);
        var connections = fleet.Connections;
        var start = Clock.Now;
        var end = start + (long)time.TotalNanoseconds;
        while (Clock.Now < end)
        {
            while (traffic.Sent * Receivers - traffic.Delivered - (traffic.Errors * Receivers) < window * Receivers)
            {
                var sender = connections[Sender(traffic.Sent, 0)];
                if (sender.State != ConnectionState.Live) throw new BenchException($"A socket was lost: {traffic.FirstError}");
                fleet.SendMessage(sender, Clock.Now, number++, contentBytes);
            }
            fleet.Poll(end);
        }
        var rate = traffic.Delivered / (double)Receivers / ((Clock.Now - start) / (double)Clock.Second);
        fleet.PollUntil(() => traffic.Delivered + (traffic.Errors * Receivers) >= traffic.Sent * Receivers, Settle);
        return rate;
    }

    /// <summary>Goes round the rooms, and round the members within each.</summary>
    private int Sender(long message, int offset)
    {
        var rooms = fleet.Connections.Count / members;
        var room = (int)((message + offset) % rooms);
        var member = (int)((message / rooms) % members);
        return (room * members) + member;
    }

    private static string Shorten(string text) => text.Length <= 120 ? text : text[..120];
}
