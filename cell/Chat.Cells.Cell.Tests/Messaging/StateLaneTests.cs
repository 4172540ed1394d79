using System.Collections.Concurrent;
using System.Diagnostics;
using Chat.Cells.Cell.Messaging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Messaging;

public sealed class StateLaneTests
{
    private readonly StatePatience patience = new(TimeProvider.System, NullLogger.Instance);
    private readonly ConcurrentQueue<int[]> done = new();
    private TaskCompletionSource answers = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private StateLane<int> Lane() => new(WorkAsync, patience);

    private async Task WorkAsync(IReadOnlyList<int> items, CancellationToken cancellationToken)
    {
        int[] taken = [.. items];
        await answers.Task;
        done.Enqueue(taken);
    }

    [Fact]
    public async Task Do_StateThatIsSlow_IsWaitedForOnceInAllLanesAndDoneInOrderLater()
    {
        var (one, other) = (Lane(), Lane());
        var began = Stopwatch.GetTimestamp();
        Assert.True(await one.DoAsync(0, 1, default));
        var first = Stopwatch.GetElapsedTime(began);
        for (var i = 1; i < 200; i++) Assert.True(await (i % 2 == 0 ? one : other).DoAsync(i, 1, default));
        var all = Stopwatch.GetElapsedTime(began);

        Assert.InRange(first, StatePatience.Bound * 0.8, TimeSpan.FromSeconds(20));
        // Had each waited it would be 50 s.
        Assert.InRange(all - first, TimeSpan.Zero, TimeSpan.FromSeconds(20));
        Assert.Empty(done);
        answers.SetResult();
        await Poll.UntilAsync(() => done.Sum(d => d.Length) == 200, "all is done");
        Assert.Equal(Enumerable.Range(0, 100).Select(i => i * 2), done.SelectMany(d => d).Where(i => i % 2 == 0));
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (i * 2) + 1), done.SelectMany(d => d).Where(i => i % 2 == 1));
        Assert.Equal(4, done.Count);
    }

    [Fact]
    public async Task Do_StateThatIsQuickAgain_IsWaitedForAgain()
    {
        var lane = Lane();
        await lane.DoAsync(0, 1, default);
        answers.SetResult();
        await Poll.UntilAsync(() => done.Count == 1, "the slow one is done");
        await lane.DoAsync(1, 1, default);
        await Poll.UntilAsync(() => done.Count == 2, "a quick one is done");
        answers = new(TaskCreationOptions.RunContinuationsAsynchronously);

        var began = Stopwatch.GetTimestamp();
        await lane.DoAsync(2, 1, default);

        Assert.InRange(Stopwatch.GetElapsedTime(began), StatePatience.Bound * 0.8, TimeSpan.FromSeconds(20));
        answers.SetResult();
    }

    [Fact]
    public async Task Do_TooMuchWaits_IsRefusedUntilThereIsRoom()
    {
        const long most = 60L * 1024 * 1024;
        var (one, other) = (Lane(), Lane());
        Assert.True(await one.DoAsync(0, most, default));
        Assert.False(await other.DoAsync(1, most, default));
        Assert.True(await other.DoAsync(2, 1_000, default));

        answers.SetResult();
        await Poll.UntilAsync(() => done.Count == 2, "what was taken is done");

        Assert.Equal([0, 2], done.SelectMany(d => d).Order());
        Assert.True(await other.DoAsync(3, most, default));
    }

    [Fact]
    public async Task Do_WorkFails_IsToldAndTheNextIsDone()
    {
        var fails = true;
        var lane = new StateLane<int>(
            (items, _) =>
            {
                if (fails) throw new IOException("It fails.");
                done.Enqueue([.. items]);
                return Task.CompletedTask;
            },
            patience);
        await Assert.ThrowsAsync<IOException>(async () => await lane.DoAsync(1, 1, default));

        fails = false;
        Assert.True(await lane.DoAsync(2, 1, default));

        Assert.Equal([2], Assert.Single(done));
    }

    [Fact]
    public async Task Do_Cancelled_StopsWaiting()
    {
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Lane().DoAsync(1, 1, cancel.Token));
        answers.SetResult();
        await Poll.UntilAsync(() => !done.IsEmpty, "it is done all the same");
    }
}
