using System.Threading.Channels;

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>
/// Between Redis and one handler, in order: a handler that is slow holds up neither the connection nor other handlers. Bounded in messages and bytes; when it is full what
/// comes is dropped and counted, which the contract allows.
/// </summary>
internal sealed class HandlerQueue : IAsyncDisposable
{
    /// <summary>The most messages that wait.</summary>
    public const int Capacity = 65_536;

    /// <summary>The most bytes that wait: room for some hundred of the longest hints, and for all messages of the usual size.</summary>
    public const long MaxBytes = 64L * 1024 * 1024;

    private readonly Channel<ReadOnlyMemory<byte>> queue =
        Channel.CreateBounded<ReadOnlyMemory<byte>>(new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.Wait, SingleReader = false });

    private readonly Task reading;
    private long bytes;

    public HandlerQueue(Action<ReadOnlyMemory<byte>> handler) => reading = Task.Run(() => ReadAsync(handler));

    /// <summary>False when the message is dropped.</summary>
    public bool Post(ReadOnlyMemory<byte> message)
    {
        if (Interlocked.Add(ref bytes, message.Length) <= MaxBytes && queue.Writer.TryWrite(message)) return true;
        Interlocked.Add(ref bytes, -message.Length);
        RedisMetrics.Dropped.Add(1);
        return false;
    }

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
            while (queue.Reader.TryRead(out var message))
            {
                Interlocked.Add(ref bytes, -message.Length);
                handler(message);
            }
        }
    }
}
