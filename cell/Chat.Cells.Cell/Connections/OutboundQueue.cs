using System.Net.WebSockets;

namespace Chat.Cells.Cell.Connections;

/// <summary>
/// What waits to be sent on one socket: bounded in bytes and frames. Nothing runs while nothing waits. A socket that takes too little is told to close: what waits is
/// dropped, it will be read again from the inbox.
/// </summary>
internal sealed class OutboundQueue(WebSocket socket, Action abort, int maxBytes, int maxFrames, TimeSpan closeTimeout, TimeProvider time)
{
    private readonly Lock gate = new();
    private readonly Queue<ReadOnlyMemory<byte>> frames = new();
    private int bytes;
    private bool sending;
    private (WebSocketCloseStatus Status, string Reason)? closing;
    private bool closed;
    private volatile bool stopped;
    private TaskCompletionSource? roomy;
    private long progress;

    /// <summary>Done when the close has been sent, or the socket broke.</summary>
    public TaskCompletionSource Finished { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Why the queue was closed; null while it is open or when it just broke.</summary>
    public int? CloseCode => closing is { } close ? (int)close.Status : null;

    /// <summary>Whether frames can still be queued.</summary>
    public bool IsOpen
    {
        get
        {
            lock (gate) return closing is null && !closed;
        }
    }

    /// <summary>How long the socket has taken nothing although something waits; zero when nothing waits.</summary>
    public TimeSpan StuckFor
    {
        get
        {
            lock (gate) return sending && closing is null && !closed ? time.GetElapsedTime(progress) : TimeSpan.Zero;
        }
    }

    /// <summary>Queues a frame. False when there is no room: the caller closes the socket with 4008. True, without effect, once closed.</summary>
    public bool TryEnqueue(ReadOnlyMemory<byte> frame)
    {
        lock (gate)
        {
            if (closing is not null || closed) return true;
            if (frames.Count >= maxFrames || (bytes > 0 && bytes + frame.Length > maxBytes)) return false;
            frames.Enqueue(frame);
            bytes += frame.Length;
            Start();
            return true;
        }
    }

    /// <summary>Sends what waits (or drops it), then the close frame. The first call decides.</summary>
    public void Close(int code, string reason, bool dropWaiting = false)
    {
        lock (gate)
        {
            if (closing is not null || closed) return;
            closing = ((WebSocketCloseStatus)code, reason);
            if (dropWaiting)
            {
                frames.Clear();
                bytes = 0;
            }
            Start();
            roomy?.TrySetResult();
        }
        _ = AbortWhenStuckAsync();
    }

    /// <summary>Breaks the connection without a close frame.</summary>
    public void Abort()
    {
        Stop();
        socket.Abort();
        abort();
    }

    /// <summary>Sends nothing more.</summary>
    public void Stop()
    {
        stopped = true;
        lock (gate)
        {
            closed = true;
            frames.Clear();
            bytes = 0;
            roomy?.TrySetResult();
        }
        Finished.TrySetResult();
    }

    /// <summary>Waits until at most half of the room is taken, or the queue is closed.</summary>
    public Task WaitForRoomAsync()
    {
        lock (gate)
        {
            if (HasRoom || closing is not null || closed) return Task.CompletedTask;
            roomy ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return roomy.Task;
        }
    }

    private bool HasRoom => bytes <= maxBytes / 2 && frames.Count <= maxFrames / 2;

    private void Start()
    {
        if (sending) return;
        sending = true;
        progress = time.GetTimestamp();
        ThreadPool.UnsafeQueueUserWorkItem(static queue => _ = queue.SendAllAsync(), this, preferLocal: false);
    }

    private async Task SendAllAsync()
    {
        try
        {
            while (TryTake(out var frame, out var close))
            {
                if (close is { } c)
                {
                    await socket.CloseOutputAsync(c.Status, c.Reason, CancellationToken.None);
                    lock (gate) closed = true;
                    Finished.TrySetResult();
                    await AbortWhenPeerStaysAsync();
                    return;
                }
                await socket.SendAsync(frame, WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, CancellationToken.None);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            Abort(); // the peer is gone; its next socket reads everything again
        }
    }

    private bool TryTake(out ReadOnlyMemory<byte> frame, out (WebSocketCloseStatus Status, string Reason)? close)
    {
        lock (gate)
        {
            close = null;
            progress = time.GetTimestamp();
            if (!closed && frames.TryDequeue(out frame))
            {
                bytes -= frame.Length;
                if (roomy is not null && HasRoom)
                {
                    roomy.TrySetResult();
                    roomy = null;
                }
                return true;
            }
            frame = default;
            if (!closed && closing is not null)
            {
                close = closing;
                return true;
            }
            sending = false;
            return false;
        }
    }

    /// <summary>A peer that doesn't answer our close is given up.</summary>
    private async Task AbortWhenPeerStaysAsync()
    {
        await Task.Delay(closeTimeout, time);
        if (!stopped) Abort();
    }

    private async Task AbortWhenStuckAsync()
    {
        try
        {
            await Finished.Task.WaitAsync(closeTimeout);
        }
        catch (TimeoutException)
        {
            Abort();
        }
    }
}
