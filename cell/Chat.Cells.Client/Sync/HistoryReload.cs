using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Connections;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Timelines;

namespace Chat.Cells.Client.Sync;

/// <summary>After <c>sync_reset</c>: channels and their newest messages by HTTP. Tries until it succeeds or the connection ends.</summary>
internal sealed class HistoryReload(ChatClientOptions options, ChatApi api, DeviceState state, Func<Func<ValueTask>, CancellationToken, Task> exclusively)
{
    public async Task RunAsync(
        Func<ChatEvent, CancellationToken, ValueTask> raise,
        Func<ChatMessage, CancellationToken, ValueTask> insert,
        CancellationToken cancellationToken)
    {
        var backoff = new Backoff(options.ReconnectBase, options.ReconnectCap, options.Jitter);
        while (true)
        {
            try
            {
                await LoadAsync(raise, insert, cancellationToken);
                return;
            }
            catch (Exception e) when (e is ChatApiException or HttpRequestException or TimeoutException or IOException)
            {
                await Task.Delay(backoff.Next(), options.TimeProvider, cancellationToken);
            }
        }
    }

    private async Task LoadAsync(
        Func<ChatEvent, CancellationToken, ValueTask> raise,
        Func<ChatMessage, CancellationToken, ValueTask> insert,
        CancellationToken cancellationToken)
    {
        await foreach (var channel in api.ListChannelsAsync(cancellationToken))
        {
            await exclusively(
                async () =>
                {
                    if (state.FindChannel(channel.ChannelId) is { } known && known.Version >= channel.Version) return;
                    await raise(new ChannelUpdated(channel, Removed: false), cancellationToken);
                    state.Update(channel);
                },
                cancellationToken);
            var messages = new List<ChatMessage>();
            await foreach (var message in api.ReadHistoryAsync(channel.ChannelId, cancellationToken))
            {
                messages.Add(message);
                if (messages.Count >= options.HistoryOnReset) break;
            }
            messages.Reverse();
            await exclusively(
                async () =>
                {
                    foreach (var message in messages) await insert(message, cancellationToken);
                },
                cancellationToken);
        }
    }
}
