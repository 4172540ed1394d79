using System.Collections.Concurrent;
using Chat.Cells.Client.Timelines;

namespace Chat.Cells.Client.Sync;

/// <summary>What a device knows: timelines, channels, how far it is in the user's inbox. Thread-safe.</summary>
internal sealed class DeviceState(string userId, int maxTimeline)
{
    private readonly ConcurrentDictionary<string, ChannelTimeline> timelines = new();
    private readonly ConcurrentDictionary<string, ChatChannel> channels = new();

    public string UserId { get; } = userId;

    public IEnumerable<ChatChannel> Channels => channels.Values;

    public IEnumerable<ChannelTimeline> Timelines => timelines.Values;

    public ChannelTimeline Timeline(string channelId) => timelines.GetOrAdd(channelId, static (id, max) => new ChannelTimeline(id, max), maxTimeline);

    public ChannelTimeline? FindTimeline(string channelId) => timelines.GetValueOrDefault(channelId);

    public ChatChannel? FindChannel(string channelId) => channels.GetValueOrDefault(channelId);

    /// <summary>False when this or a later version was known.</summary>
    public bool Update(ChatChannel channel)
    {
        if (channels.TryGetValue(channel.ChannelId, out var known) && known.Version >= channel.Version) return false;
        channels[channel.ChannelId] = channel;
        return true;
    }

    public bool Remove(string channelId) => channels.TryRemove(channelId, out _);
}
