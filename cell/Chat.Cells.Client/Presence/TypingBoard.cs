using Chat.Cells.Client.Events;
using Chat.Cells.Client.Wire;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client.Presence;

/// <summary>Who types where, and what this device says of its own typing. Nothing of it outlives a connection.</summary>
internal sealed class TypingBoard(TimeProvider time)
{
    /// <summary>More often would say nothing more: the others forget after twice this.</summary>
    private static readonly TimeSpan SendInterval = TimeSpan.FromSeconds(3);
    private const int MaxChannels = 64;

    private readonly Lock gate = new();
    private readonly Dictionary<(string ChannelId, string UserId), long> typing = [];
    private readonly Dictionary<string, long> said = [];
    private readonly Queue<(string ChannelId, bool Typing)> unsent = new();

    /// <summary>Who types in a channel now.</summary>
    public IReadOnlyList<string> In(string channelId)
    {
        lock (gate) return [.. typing.Keys.Where(k => k.ChannelId == channelId).Select(k => k.UserId).Order(StringComparer.Ordinal)];
    }

    /// <summary>The user of this device types or stopped. False when it need not be said.</summary>
    public bool Say(string channelId, bool isTyping)
    {
        lock (gate)
        {
            var now = time.GetTimestamp();
            if (isTyping)
            {
                if (said.TryGetValue(channelId, out var at) && time.GetElapsedTime(at, now) < SendInterval) return false;
                if (said.Count >= MaxChannels) said.Clear();
                said[channelId] = now;
            }
            else if (!said.Remove(channelId))
            {
                return false;
            }
            unsent.Enqueue((channelId, isTyping));
            return true;
        }
    }

    /// <summary>Another member said so; null when that is nothing new.</summary>
    public TypingChanged? Take(string channelId, string userId, bool isTyping)
    {
        lock (gate)
        {
            var key = (channelId, userId);
            if (!isTyping) return typing.Remove(key) ? new TypingChanged(channelId, userId, false) : null;
            var isNew = !typing.ContainsKey(key);
            typing[key] = time.GetTimestamp() + (long)(ProtocolLimits.TypingLife.TotalSeconds * time.TimestampFrequency);
            return isNew ? new TypingChanged(channelId, userId, true) : null;
        }
    }

    /// <summary>Sends what has to be sent now, and returns who said nothing for too long.</summary>
    /// <param name="due">When somebody else will have, a timestamp; null: nobody.</param>
    public IReadOnlyList<TypingChanged> Pump(long now, FrameWriter frames, Func<byte[], bool> send, out long? due)
    {
        lock (gate)
        {
            while (unsent.TryDequeue(out var item)) send(frames.Typing(item.ChannelId, item.Typing));
            due = null;
            List<TypingChanged>? over = null;
            foreach (var (key, until) in typing)
            {
                if (until <= now) (over ??= []).Add(new TypingChanged(key.ChannelId, key.UserId, false));
                else due = due is null ? until : Math.Min(due.Value, until);
            }
            foreach (var item in over ?? []) typing.Remove((item.ChannelId, item.UserId));
            return over ?? [];
        }
    }

    /// <summary>The connection has ended: returns who typed.</summary>
    public IReadOnlyList<TypingChanged> Clear()
    {
        lock (gate)
        {
            TypingChanged[] over = [.. typing.Keys.Select(k => new TypingChanged(k.ChannelId, k.UserId, false))];
            typing.Clear();
            said.Clear();
            unsent.Clear();
            return over;
        }
    }
}
