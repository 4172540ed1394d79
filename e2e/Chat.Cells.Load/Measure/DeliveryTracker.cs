using System.Globalization;
using Chat.Cells.Load.World;

namespace Chat.Cells.Load.Measure;

/// <summary>
/// Follows every message from the moment it was meant to be sent (not when the sender got round to it: so a stall counts for all that it delayed) until the last device
/// of its channel has shown it.
/// </summary>
public sealed class DeliveryTracker(TimeProvider time)
{
    private const long SlowMicroseconds = 1_000_000;
    private const int MostSlow = 10_000;
    private readonly Lock gate = new();
    private readonly Dictionary<string, Tracked> open = [];
    private readonly long start = time.GetTimestamp();
    private readonly List<SlowDelivery> slow = [];
    private int limited;

    private sealed class Tracked(long meantAt, string senderCell, int devices, bool measured)
    {
        public long MeantAt { get; } = meantAt;
        public string SenderCell { get; } = senderCell;
        public int Left { get; set; } = devices;
        public bool Answered { get; set; }
        public long AckedAt { get; set; }
        public bool Measured { get; } = measured;
    }

    /// <summary>Says where and when deliveries took more than a second: one line for each direction; empty when none did.</summary>
    public IReadOnlyList<string> DescribeSlow()
    {
        lock (gate)
        {
            return slow.GroupBy(s => (s.From, s.To)).Select(g => string.Create(
                CultureInfo.InvariantCulture,
                $"{g.Count()} deliveries from {g.Key.From} to {g.Key.To} took more than 1 s (up to {g.Max(s => s.Latency) / 1e6:F1} s): sent between {g.Min(s => s.MeantAt) / 1e6:F1} s and {g.Max(s => s.MeantAt) / 1e6:F1} s of the run, acked within {g.Max(s => s.Ack) / 1e6:F1} s")).ToArray();
        }
    }

    public Latencies InCell { get; } = new();

    public Latencies CrossCell { get; } = new();

    public Latencies Acks { get; } = new();

    /// <summary>Latencies are kept while this is true.</summary>
    public bool Measuring { get; set; } = true;

    public int Sent { get; private set; }

    public int Acked { get; private set; }

    public int Refused { get; private set; }

    public int Shown { get; private set; }

    /// <summary>Times that a send was told to wait for its user's rate limit.</summary>
    public int Limited => Volatile.Read(ref limited);

    /// <summary>Microseconds since the tracker was made.</summary>
    public long Now => (long)time.GetElapsedTime(start).TotalMicroseconds;

    /// <summary>Messages that some device has not shown, or that have no answer.</summary>
    public int Open
    {
        get
        {
            lock (gate) return open.Count;
        }
    }

    /// <summary>The contents of the messages that are open.</summary>
    public IReadOnlySet<string> OpenNow()
    {
        lock (gate) return open.Keys.ToHashSet();
    }

    /// <summary>True when none of these is open any more.</summary>
    public bool AreDone(IReadOnlySet<string> contents)
    {
        lock (gate) return !contents.Any(open.ContainsKey);
    }

    public void CountLimited() => Interlocked.Increment(ref limited);

    public void Sending(string content, Member sender, Conversation channel, long meantAt)
    {
        lock (gate)
        {
            Sent++;
            open.Add(content, new Tracked(meantAt, sender.Cell, channel.Devices, Measuring));
        }
    }

    public void Answered(string content, bool accepted)
    {
        lock (gate)
        {
            if (!open.TryGetValue(content, out var tracked)) return;
            tracked.Answered = true;
            tracked.AckedAt = Now;
            if (accepted)
            {
                Acked++;
                if (tracked.Measured && Measuring) Acks.Add(Now - tracked.MeantAt);
            }
            else
            {
                Refused++;
                tracked.Left = 0;
            }
            if (tracked.Left <= 0) open.Remove(content);
        }
    }

    /// <param name="isSender">The device that sent it, for which no latency is counted.</param>
    public void Seen(string content, Member viewer, bool isSender)
    {
        lock (gate)
        {
            Shown++;
            if (!open.TryGetValue(content, out var tracked)) return;
            // Another device of the sender is a delivery like any other.
            if (tracked.Measured && Measuring && !isSender)
            {
                var latency = Now - tracked.MeantAt;
                (viewer.Cell == tracked.SenderCell ? InCell : CrossCell).Add(latency);
                if (latency > SlowMicroseconds && slow.Count < MostSlow) slow.Add(new SlowDelivery(tracked.MeantAt, latency, tracked.SenderCell, viewer.Cell, tracked.AckedAt - tracked.MeantAt));
            }
            if (--tracked.Left <= 0 && tracked.Answered) open.Remove(content);
        }
    }
}

/// <param name="MeantAt">Microseconds since the tracker was made; the others are durations from then.</param>
internal readonly record struct SlowDelivery(long MeantAt, long Latency, string From, string To, long Ack);
