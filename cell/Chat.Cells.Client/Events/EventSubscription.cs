using System.Threading.Channels;

namespace Chat.Cells.Client.Events;

/// <summary>
/// Events since it was made, in order. Bounded: a reader that falls behind by more than the capacity gets <see cref="EventOverflowException"/> after what it still
/// has, and starts over from the timelines; the client itself never waits for a reader.
/// </summary>
public sealed class EventSubscription : IAsyncEnumerable<ChatEvent>, IDisposable
{
    private readonly Channel<ChatEvent> channel;
    private readonly Action<EventSubscription> leave;

    internal EventSubscription(int capacity, Action<EventSubscription> leave)
    {
        channel = Channel.CreateBounded<ChatEvent>(new BoundedChannelOptions(capacity) { SingleReader = true });
        this.leave = leave;
    }

    public IAsyncEnumerator<ChatEvent> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
        channel.Reader.ReadAllAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);

    /// <summary>Ends it; a reader is told by the end of the sequence.</summary>
    public void Dispose()
    {
        leave(this);
        channel.Writer.TryComplete();
    }

    internal void Offer(ChatEvent chatEvent)
    {
        if (channel.Writer.TryWrite(chatEvent)) return;
        leave(this);
        channel.Writer.TryComplete(new EventOverflowException());
    }
}

/// <summary>The reader of events was too slow.</summary>
public sealed class EventOverflowException() : Exception("The reader of events fell too far behind. Subscribe again and read the timelines.");

/// <summary>The application's handler failed. What it was told of counts as not taken in: the connection is made anew and the server tells it again.</summary>
public sealed class HandlerFailedException(Exception inner) : Exception($"The handler failed: {inner.Message}", inner);
