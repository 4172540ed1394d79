using System.Net.WebSockets;
using Chat.Cells.Cell.Connections;

namespace Chat.Cells.Cell.Tests.Connections;

public sealed class OutboundQueueTests
{
    private readonly StuckSocket socket = new();
    private bool aborted;

    private OutboundQueue Queue(int maxBytes = 1_000, int maxFrames = 10, int closeSeconds = 60) =>
        new(socket, () => aborted = true, maxBytes, maxFrames, TimeSpan.FromSeconds(closeSeconds), TimeProvider.System);

    [Fact]
    public async Task Enqueue_OverTheFrames_IsRefusedAndTheCloseComesAfterTheFrameUnderWay()
    {
        var queue = Queue();
        Assert.True(queue.TryEnqueue(new byte[1]));
        await Poll.UntilAsync(() => socket.Sending == 1, "the first frame is being sent");
        for (var i = 0; i < 10; i++) Assert.True(queue.TryEnqueue(new byte[1]));
        Assert.False(queue.TryEnqueue(new byte[1]));
        queue.Close(4008, "too slow", dropWaiting: true);
        socket.Open.SetResult();
        await queue.Finished.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal((1, 4008), (socket.Sending, (int)socket.CloseStatus!));
        Assert.True(queue.TryEnqueue(new byte[1])); // without effect
        Assert.Equal(1, socket.Sending);
    }

    [Fact]
    public async Task Enqueue_OverTheBytes_IsRefusedButOneLargeFrameAlwaysFits()
    {
        var queue = Queue();
        Assert.True(queue.TryEnqueue(new byte[1]));
        await Poll.UntilAsync(() => socket.Sending == 1, "the first frame is being sent");
        Assert.True(queue.TryEnqueue(new byte[5_000]));
        Assert.False(queue.TryEnqueue(new byte[1]));
        socket.Open.SetResult();
        await queue.WaitForRoomAsync().WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Close_SocketTakesNothing_IsAbortedInTheEnd()
    {
        var queue = Queue(closeSeconds: 1);
        Assert.True(queue.TryEnqueue(new byte[1]));
        await Poll.UntilAsync(() => queue.StuckFor > TimeSpan.Zero, "it is stuck");
        queue.Close(4013, "500");
        await queue.Finished.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await Poll.UntilAsync(() => aborted, "it is aborted"); // a moment after it is finished
    }

    [Fact]
    public async Task Frames_AreSentInOrder()
    {
        socket.Open.SetResult();
        var queue = Queue(maxBytes: 1_000_000, maxFrames: 5_000);
        for (var i = 0; i < 2_000; i++) Assert.True(queue.TryEnqueue(BitConverter.GetBytes(i)));
        queue.Close(1000, "");
        await queue.Finished.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(Enumerable.Range(0, 2_000), socket.Sent.Select(b => BitConverter.ToInt32(b)));
    }

    /// <summary>Takes a frame only when it is opened.</summary>
    private sealed class StuckSocket : WebSocket
    {
        private WebSocketCloseStatus? closeStatus;
        private int sending;

        public TaskCompletionSource Open { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public List<byte[]> Sent { get; } = [];
        public int Sending => Volatile.Read(ref sending);
        public override WebSocketCloseStatus? CloseStatus => closeStatus;
        public override string? CloseStatusDescription => null;
        public override WebSocketState State => WebSocketState.Open;
        public override string? SubProtocol => null;

        public override async ValueTask SendAsync(ReadOnlyMemory<byte> buffer, WebSocketMessageType messageType, WebSocketMessageFlags messageFlags, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref sending);
            await Open.Task;
            Sent.Add(buffer.ToArray());
        }

        public override Task CloseOutputAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken)
        {
            this.closeStatus = closeStatus;
            return Task.CompletedTask;
        }

        public override void Abort() => Open.TrySetException(new WebSocketException(WebSocketError.ConnectionClosedPrematurely));

        public override Task SendAsync(ArraySegment<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken) => throw new NotSupportedException();
        public override Task CloseAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) => throw new NotSupportedException();
        public override Task<WebSocketReceiveResult> ReceiveAsync(ArraySegment<byte> buffer, CancellationToken cancellationToken) => throw new NotSupportedException();

        public override void Dispose()
        {
            // Nothing to release.
        }
    }
}
