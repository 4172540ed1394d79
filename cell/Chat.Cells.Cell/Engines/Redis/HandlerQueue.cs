using System.Threading.Channels;

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>
/// Between Redis and one handler, in order: a handler that is slow holds up neither the connection nor other handlers. Bounded; when it is full the oldest messages are dropped,
/// which the contract allows.
/// </summary>
internal sealed class HandlerQueue : IAsyncDisposable
{
    private const int Capacity = 65_536;

    private readonly Channel<ReadOnlyMemory<byte>> queue =
        Channel.CreateBounded<ReadOnlyMemory<byte>>(new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest });

    private readonly Task reading;

    public HandlerQueue(Action<ReadOnlyMemory<byte>> handler) => reading = Task.Run(() => ReadAsync(handler));

    public void Post(ReadOnlyMemory<byte> message) => queue.Writer.TryWrite(message);

    /// <summary>No handler call is going on or comes after this.</summary>
    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        while (queue.Reader.TryRead(out _))
        {
            // What waits is dropped: nobody listens any more.
        }
        await reading;
    }

    private async Task ReadAsync(Action<ReadOnlyMemory<byte>> handler)
    {
        while (await queue.Reader.WaitToReadAsync())
        {
            while (queue.Reader.TryRead(out var message)) handler(message);
        }
    }
}
