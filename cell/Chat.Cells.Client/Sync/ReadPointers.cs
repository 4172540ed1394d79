namespace Chat.Cells.Client.Sync;

/// <summary>What the user has read here and the server has not yet confirmed; sent again on each connection. Only grows, one pointer a channel.</summary>
internal sealed class ReadPointers
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, (string UpTo, bool Sent)> pending = [];

    public void Mark(string channelId, string messageId)
    {
        lock (gate)
        {
            if (pending.TryGetValue(channelId, out var known) && string.CompareOrdinal(known.UpTo, messageId) >= 0) return;
            pending[channelId] = (messageId, false);
        }
    }

    public void Confirm(string channelId, string upTo)
    {
        lock (gate)
        {
            if (pending.TryGetValue(channelId, out var known) && string.CompareOrdinal(known.UpTo, upTo) <= 0) pending.Remove(channelId);
        }
    }

    /// <summary>A new connection: what was sent may be lost.</summary>
    public void Requeue()
    {
        lock (gate)
        {
            foreach (var (channel, pointer) in pending.ToArray()) pending[channel] = (pointer.UpTo, false);
        }
    }

    /// <summary>What has to be sent now; null: nothing.</summary>
    public IReadOnlyList<(string ChannelId, string UpTo)>? TakeUnsent()
    {
        lock (gate)
        {
            List<(string, string)>? unsent = null;
            foreach (var (channel, pointer) in pending)
            {
                if (!pointer.Sent) (unsent ??= []).Add((channel, pointer.UpTo));
            }
            if (unsent is null) return null;
            foreach (var (channel, upTo) in unsent) pending[channel] = (upTo, true);
            return unsent;
        }
    }
}
