using System.Collections.Concurrent;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Connections;

/// <summary>Who waits for the judge's verdict, by user, device, channel and requestId. A request that is sent again while it waits is one more wait of the same key.</summary>
internal sealed class PendingRequests(TimeProvider time)
{
    private readonly ConcurrentDictionary<Key, Waits> pending = new();

    /// <summary>Waits for a verdict. <paramref name="answer"/> is called at most once: with the verdict, or with null when it didn't come in time.</summary>
    public Wait Add(string userId, string deviceId, string channelId, string requestId, TimeSpan timeout, Action<Verdict?> answer)
    {
        var wait = new Wait(new Key(userId, deviceId, channelId, requestId), answer, time.GetTimestamp(), timeout);
        while (true)
        {
            var waits = pending.GetOrAdd(wait.Key, static _ => new Waits());
            lock (waits)
            {
                if (waits.Removed) continue;
                waits.All.Add(wait);
                return wait;
            }
        }
    }

    /// <summary>Answers the oldest wait of the verdict's request. False when nobody waits here.</summary>
    public bool Resolve(Verdict verdict)
    {
        if (Take(new Key(verdict.UserId, verdict.DeviceId, verdict.ChannelId, verdict.RequestId), static (_, _) => true, 0L) is not { } wait) return false;
        wait.Answer(verdict);
        return true;
    }

    /// <summary>Forgets a wait without an answer. False when its answer has been given.</summary>
    public bool Drop(Wait wait) => Take(wait.Key, static (candidate, wanted) => candidate == wanted, wait) is not null;

    /// <summary>Answers what has waited too long.</summary>
    public void Expire()
    {
        foreach (var (key, _) in pending)
        {
            while (Take(key, static (candidate, clock) => clock.GetElapsedTime(candidate.Began) >= candidate.Timeout, time) is { } wait) wait.Answer(null);
        }
    }

    private Wait? Take<TState>(Key key, Func<Wait, TState, bool> accept, TState state)
    {
        if (!pending.TryGetValue(key, out var waits)) return null;
        lock (waits)
        {
            for (var i = 0; i < waits.All.Count; i++)
            {
                var wait = waits.All[i];
                if (!accept(wait, state)) continue;
                waits.All.RemoveAt(i);
                if (waits.All.Count == 0)
                {
                    waits.Removed = true;
                    pending.TryRemove(key, out _);
                }
                return wait;
            }
            return null;
        }
    }

    internal readonly record struct Key(string UserId, string DeviceId, string ChannelId, string RequestId);

    /// <summary>One wait.</summary>
    internal sealed class Wait(Key key, Action<Verdict?> answer, long began, TimeSpan timeout)
    {
        public Key Key => key;
        public Action<Verdict?> Answer => answer;

        /// <summary>A time stamp: what the wall clock is set to doesn't matter.</summary>
        public long Began => began;
        public TimeSpan Timeout => timeout;
    }

    private sealed class Waits
    {
        public List<Wait> All { get; } = new(1);
        public bool Removed { get; set; }
    }
}
