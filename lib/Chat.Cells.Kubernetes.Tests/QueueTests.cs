using Chat.Cells.Kubernetes.Queues;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Kubernetes.Tests;

public sealed class QueueTests
{
    private readonly FakeTime _time = new();

    private static async Task<string> NextAsync(RateLimitingQueue<string> queue)
    {
        var (ok, item) = await queue.GetAsync(default).AsTask().WaitAsync(Poll.Limit);
        Assert.True(ok);
        return item;
    }

    [Fact]
    public async Task Add_SeveralTimes_IsHandedOutOnce()
    {
        using var queue = new RateLimitingQueue<string>(_time);
        queue.Add("a");
        queue.Add("b");
        queue.Add("a");
        Assert.Equal(2, queue.Count);
        Assert.Equal("a", await NextAsync(queue));
        Assert.Equal("b", await NextAsync(queue));
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public async Task Add_WhileItIsWorkedOn_ComesAgainAfterDone()
    {
        using var queue = new RateLimitingQueue<string>(_time);
        queue.Add("a");
        var item = await NextAsync(queue);
        queue.Add("a");
        queue.Add("a");
        Assert.Equal(0, queue.Count);
        queue.Done(item);
        Assert.Equal(1, queue.Count);
        Assert.Equal("a", await NextAsync(queue));
        queue.Done("a");
        Assert.Equal(0, queue.Count);
    }

    [Theory]
    [InlineData(7, 7)]
    [InlineData(1, 2)]
    [InlineData(25, 25)]
    public void AddRateLimited_ServerAskedToWait_NoShorterThanThatOrTheBackOff(int asked, int waits)
    {
        using var queue = new RateLimitingQueue<string>(_time, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(10));
        queue.AddRateLimited("a", TimeSpan.FromSeconds(asked));
        _time.Advance(TimeSpan.FromSeconds(waits) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, queue.Count);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, queue.Count);
    }

    [Fact]
    public void AddRateLimited_Failures_DoubleUpToTheCapAndForgetStartsAnew()
    {
        using var queue = new RateLimitingQueue<string>(_time, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        foreach (var seconds in new[] { 1, 2, 4, 8, 10, 10 })
        {
            queue.AddRateLimited("a");
            _time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.Equal(0, queue.Count);
            _time.Advance(TimeSpan.FromMilliseconds(1));
            Assert.Equal(1, queue.Count);
            Assert.True(queue.GetAsync(default).AsTask().IsCompletedSuccessfully);
            queue.Done("a");
        }
        Assert.Equal(6, queue.NumRequeues("a"));
        queue.Forget("a");
        Assert.Equal(0, queue.NumRequeues("a"));
        queue.AddRateLimited("a");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, queue.Count);
    }

    [Fact]
    public void AddAfter_SeveralDelays_TheShortestCounts()
    {
        using var queue = new RateLimitingQueue<string>(_time);
        queue.AddAfter("a", TimeSpan.FromSeconds(10));
        queue.AddAfter("a", TimeSpan.FromSeconds(3));
        queue.AddAfter("a", TimeSpan.FromSeconds(7));
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(1, queue.Count);
        Assert.True(queue.GetAsync(default).AsTask().IsCompletedSuccessfully);
        queue.Done("a");
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public async Task Get_Cancelled_Throws()
    {
        using var queue = new RateLimitingQueue<string>(_time);
        using var stop = new CancellationTokenSource();
        var get = queue.GetAsync(stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => get);
    }

    [Fact]
    public async Task ShutDown_WaitersAndLateAdds_End()
    {
        using var queue = new RateLimitingQueue<string>(_time);
        var first = queue.GetAsync(default).AsTask();
        var second = queue.GetAsync(default).AsTask();
        queue.ShutDown();
        queue.Add("late");
        Assert.False((await first.WaitAsync(Poll.Limit)).Ok);
        Assert.False((await second.WaitAsync(Poll.Limit)).Ok);
    }

    [Fact]
    public async Task ShutDown_WithItemsReady_HandsThemOutFirst()
    {
        using var queue = new RateLimitingQueue<string>(_time);
        queue.Add("a");
        queue.ShutDown();
        Assert.Equal("a", await NextAsync(queue));
        Assert.False((await queue.GetAsync(default)).Ok);
    }

    /// <summary>Against a model: never twice at once, nothing added is lost, nothing comes that was not added, delays are kept.</summary>
    [Fact]
    public void Operations_AnySequence_AgreeWithTheModel()
    {
        var operation = Gen.Choose(0, 5).SelectMany(kind => Gen.Choose(0, 3).SelectMany(item => Gen.Choose(1, 50).Select(delay => (kind, item, delay))));
        Prop.ForAll(operation.ListOf().ToArbitrary(), async operations =>
        {
            var time = new FakeTime();
            using var queue = new RateLimitingQueue<int>(time, TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100));
            var ready = new List<int>();
            var again = new HashSet<int>();
            var working = new List<int>();
            var due = new Dictionary<int, (DateTimeOffset At, int Order)>();
            var order = 0;
            var failures = new Dictionary<int, int>();
            void Add(int item)
            {
                if (working.Contains(item))
                {
                    again.Add(item);
                }
                else if (!ready.Contains(item))
                {
                    ready.Add(item);
                }
            }
            void After(int item, int milliseconds)
            {
                var at = time.GetUtcNow().AddMilliseconds(milliseconds);
                if (!due.TryGetValue(item, out var earlier) || at < earlier.At)
                {
                    due[item] = (at, order++);
                }
            }
            foreach (var (kind, item, delay) in operations)
            {
                switch (kind)
                {
                    case 0:
                        queue.Add(item);
                        Add(item);
                        break;
                    case 1:
                        queue.AddAfter(item, TimeSpan.FromMilliseconds(delay));
                        After(item, delay);
                        break;
                    case 2:
                        queue.AddRateLimited(item);
                        var failed = failures.GetValueOrDefault(item);
                        failures[item] = failed + 1;
                        After(item, (int)Math.Min(100, 10 * Math.Pow(2, failed)));
                        break;
                    case 3:
                        var get = queue.GetAsync(default).AsTask();
                        if (ready.Count == 0)
                        {
                            if (get.IsCompleted)
                            {
                                return false;
                            }
                            // The waiter takes the next item that comes: give it one and finish it.
                            queue.Add(99);
                            if ((await get.WaitAsync(Poll.Limit)).Item != 99)
                            {
                                return false;
                            }
                            queue.Done(99);
                            break;
                        }
                        if (!get.IsCompletedSuccessfully || (await get).Item != ready[0] || working.Contains(ready[0]))
                        {
                            return false;
                        }
                        working.Add(ready[0]);
                        ready.RemoveAt(0);
                        break;
                    case 4 when working.Count > 0:
                        var done = working[0];
                        working.RemoveAt(0);
                        queue.Done(done);
                        if (again.Remove(done))
                        {
                            Add(done);
                        }
                        break;
                    case 5:
                        time.Advance(TimeSpan.FromMilliseconds(delay));
                        foreach (var (released, _) in due.Where(d => d.Value.At <= time.GetUtcNow()).OrderBy(d => d.Value).ToList())
                        {
                            due.Remove(released);
                            Add(released);
                        }
                        break;
                }
                if (queue.Count != ready.Count)
                {
                    return false;
                }
            }
            return true;
        }).QuickCheckThrowOnFailure();
    }
}
