using System.Diagnostics.Metrics;
using Chat.Cells.Cell.Engines.Redis;
using Chat.Cells.Cell.Messaging;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

public sealed class HandlerQueueTests
{
    [Theory]
    [InlineData(1_000_000, (int)(HandlerQueue.MaxBytes / 1_000_000))]
    [InlineData(1, HandlerQueue.Capacity)]
    public async Task Post_HandlerThatHangs_KeepsSoMuchInOrderAndCountsWhatItDrops(int length, int room)
    {
        const int tooMany = 5;
        var dropped = 0L;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == CellMeter.Name && instrument.Name == "state.messages.dropped") l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, n, _, _) => Interlocked.Add(ref dropped, n));
        listener.Start();
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var go = new SemaphoreSlim(0);
        var seen = 0;
        var queue = new HandlerQueue(_ =>
        {
            if (Interlocked.Increment(ref seen) > 1) return;
            began.SetResult();
            Assert.True(go.Wait(TimeSpan.FromMinutes(1)), "the handler may go on");
        });
        var message = new byte[length];
        Assert.True(queue.Post(message));
        await began.Task;

        for (var i = 0; i < room; i++) Assert.True(queue.Post(message));
        for (var i = 0; i < tooMany; i++) Assert.False(queue.Post(message));

        Assert.InRange(Interlocked.Read(ref dropped), tooMany, long.MaxValue);
        go.Release();
        await Poll.UntilAsync(() => Volatile.Read(ref seen) == room + 1, "all that were kept are handled");
        Assert.True(queue.Post(message), "there is room again");
        await queue.DisposeAsync();
    }
}
