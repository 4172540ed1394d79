using System.Threading.Channels;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Messaging;
using Chat.Cells.Client.Presence;
using Chat.Cells.Client.Sync;
using Chat.Cells.Client.Wire;

namespace Chat.Cells.Client.Connections;

/// <summary>What a connection sends of itself: queued messages, heartbeats, coalesced <c>delivered</c> acks, read pointers, presence and typing, renewed tokens. Sleeps until something is due.</summary>
internal sealed class ConnectionPump(ChatClientOptions options, Outbox outbox, Progress progress, ReadPointers reads, LiveState live, FrameWriter frames)
{
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private string? newToken;

    /// <summary>Something may be due.</summary>
    public void Wake() => wake.Writer.TryWrite(true);

    /// <summary>Tells the server of a renewed token over the open socket.</summary>
    public void Renew(string token)
    {
        Volatile.Write(ref newToken, token);
        Wake();
    }

    /// <param name="raise">Tells the application who types no longer.</param>
    public async Task RunAsync(SocketConnection connection, Func<ChatEvent, CancellationToken, ValueTask> raise, CancellationToken cancellationToken)
    {
        var time = options.TimeProvider;
        Volatile.Write(ref newToken, null);
        var timer = time.CreateTimer(static state => ((ConnectionPump)state!).Wake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        await using var _ = timer;
        var heartbeatAt = time.GetTimestamp() + Ticks(options.HeartbeatInterval);
        long? deliverAt = null;
        while (true)
        {
            var now = time.GetTimestamp();
            if (connection.Silence >= options.ServerSilence)
            {
                connection.Break("The server has gone silent.");
                return;
            }
            if (Interlocked.Exchange(ref newToken, null) is { } token) connection.TrySend(frames.Auth(token));
            foreach (var (channelId, upTo, cursor) in reads.TakeUnsent() ?? []) connection.TrySend(frames.ReadReceipt(channelId, upTo, cursor));
            if (now >= heartbeatAt)
            {
                connection.TrySend(frames.Heartbeat(live.Presence.IsAway));
                heartbeatAt = now + Ticks(options.HeartbeatInterval);
            }
            if (deliverAt is null && progress.HasUnsaved) deliverAt = now + Ticks(options.DeliveredDelay);
            if (now >= deliverAt)
            {
                deliverAt = null;
                if (progress.TakeUnsaved() is { } cursor)
                {
                    await options.CursorStore.SaveAsync(cursor, cancellationToken);
                    connection.TrySend(frames.Delivered(cursor));
                }
            }
            var presenceDue = live.Presence.Pump(now, frames, connection.TrySend);
            var over = live.Typing.Pump(now, frames, connection.TrySend, out var typingDue);
            foreach (var stopped in over) await raise(stopped, cancellationToken);
            var next = Math.Min(heartbeatAt, now + Ticks(options.ServerSilence - connection.Silence));
            if (outbox.Pump(now, connection.TrySend) is { } due) next = Math.Min(next, due);
            if (deliverAt is { } at) next = Math.Min(next, at);
            next = Math.Min(next, Math.Min(presenceDue ?? next, typingDue ?? next));
            var wait = time.GetElapsedTime(time.GetTimestamp(), next);
            timer.Change(wait < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : wait, Timeout.InfiniteTimeSpan);
            await wake.Reader.ReadAsync(cancellationToken);
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * options.TimeProvider.TimestampFrequency);
}
