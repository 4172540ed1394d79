using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Presence;

/// <summary>
/// What one socket may say about typing: that it types, once per <see cref="ProtocolLimits.TypingInterval"/> and channel; that it stopped, once after it said that it types; in
/// no more than a few channels at a time. Not thread-safe: a socket's frames are handled one after the other.
/// </summary>
internal sealed class TypingGate
{
    private const int MaxChannels = 4;
    private readonly List<(string ChannelId, long At, bool IsTyping)> channels = new(1);

    /// <summary>Whether this is passed on.</summary>
    /// <param name="now">Unix ms.</param>
    public bool Passes(string channelId, bool isTyping, long now)
    {
        var interval = (long)ProtocolLimits.TypingInterval.TotalMilliseconds;
        var at = channels.FindIndex(c => c.ChannelId == channelId);
        if (!isTyping)
        {
            if (at < 0 || !channels[at].IsTyping) return false;
            channels[at] = channels[at] with { IsTyping = false };
            return true;
        }
        if (at >= 0)
        {
            if (now - channels[at].At is var since && since >= 0 && since < interval) return false;
            channels.RemoveAt(at);
        }
        else if (channels.Count == MaxChannels)
        {
            // The one that typed longest ago makes room, unless it is as fresh as this one would be.
            if (now - channels[0].At is var oldest && oldest >= 0 && oldest < interval) return false;
            channels.RemoveAt(0);
        }
        channels.Add((channelId, now, true));
        return true;
    }
}
