using System.Collections.Concurrent;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>What every <see cref="ICellState"/> owes its callers. Names are unique to each test, so it may run on shared servers.</summary>
public abstract partial class CellStateContract : IAsyncLifetime
{
    /// <summary>Of a bucket: so slow that a busy machine takes a few more before the next one is there.</summary>
    private const double PerSecond = 0.2;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    /// <summary>A life that ends within a test, and not before a busy machine has looked at what lives.</summary>
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Over = Short + TimeSpan.FromSeconds(1);

    private readonly string unique = Ulid.NewUlid().ToString();

    protected ICellState State { get; private set; } = null!;

    protected abstract ValueTask<ICellState> OpenAsync();

    protected abstract ValueTask CloseAsync();

    /// <summary>Lets time pass: by moving a clock, or by waiting.</summary>
    protected abstract Task PassAsync(TimeSpan time);

    /// <summary>For the line at the end of the run; null where it says nothing.</summary>
    protected virtual string? EngineVersion => null;

    public async Task InitializeAsync()
    {
        State = await OpenAsync();
        ContractRuns.Ran(GetType(), EngineVersion);
    }

    public async Task DisposeAsync() => await CloseAsync();

    private string Name(string name) => $"{unique}.{name}";

    private async Task<IReadOnlyList<string>> ServersAsync(string user) => (await State.FindServersAsync([Name(user)], default))[0];

    [Fact]
    public async Task FindServers_SeveralUsers_AnswersInOrder()
    {
        await State.RegisterAsync("s1", [Name("a"), Name("b")], Minute, default);
        await State.RegisterAsync("s2", [Name("b")], Minute, default);

        var found = await State.FindServersAsync([Name("b"), Name("unknown"), Name("a")], default);

        Assert.Equal(["s1", "s2"], found[0].Order());
        Assert.Empty(found[1]);
        Assert.Equal(["s1"], found[2]);
        Assert.Empty(await State.FindServersAsync([], default));
    }

    [Fact]
    public async Task Unregister_OneOfTwoServers_LeavesTheOther()
    {
        await State.RegisterAsync("s1", [Name("a")], Minute, default);
        await State.RegisterAsync("s2", [Name("a")], Minute, default);

        await State.UnregisterAsync("s1", Name("a"), default);
        await State.UnregisterAsync("s1", Name("unknown"), default);

        Assert.Equal(["s2"], await ServersAsync("a"));
    }

    [Fact]
    public async Task Registration_NotRenewed_Expires()
    {
        await State.RegisterAsync("s1", [Name("a"), Name("b")], TimeSpan.FromSeconds(2), default);
        await PassAsync(TimeSpan.FromSeconds(1));
        await State.RegisterAsync("s1", [Name("a")], Minute, default);
        await PassAsync(TimeSpan.FromSeconds(2));

        Assert.Equal(["s1"], await ServersAsync("a"));
        Assert.Empty(await ServersAsync("b"));
    }

    [Fact]
    public async Task Registration_AfterExpiryAndSweep_WorksAgain()
    {
        await State.RegisterAsync("s1", [Name("a")], TimeSpan.FromSeconds(1), default);
        await PassAsync(TimeSpan.FromSeconds(2));
        await State.RegisterAsync("s2", [Name("a")], Minute, default);

        Assert.Equal(["s2"], await ServersAsync("a"));
    }

    [Fact]
    public async Task Cursors_AdvancedInAnyOrder_OnlyGrow()
    {
        var cursor = from epoch in Gen.Choose(1, 3) from bucket in Gen.Choose(0, 3) from offset in Gen.Choose(0, 9) select new InboxCursor(epoch, bucket, offset);
        // On the pool: the check blocks its thread, which must not be one that the engine's calls come back to.
        await Task.Run(() => Prop.ForAll(cursor.NonEmptyListOf().ToArbitrary(), async cursors =>
        {
            var user = Ulid.NewUlid().ToString();
            var highest = InboxCursor.Start;
            foreach (var next in cursors)
            {
                await State.AdvanceCursorsAsync([new UserCursor(user, next)], default);
                highest = next > highest ? next : highest;
                Assert.Equal([highest], await State.GetCursorsAsync([user], default));
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(30)));
    }

    [Fact]
    public async Task Cursors_OfUnknownUsers_AreNull()
    {
        await State.AdvanceCursorsAsync([new UserCursor(Name("b"), new InboxCursor(1, 2, 3))], default);

        Assert.Equal([null, new InboxCursor(1, 2, 3)], await State.GetCursorsAsync([Name("a"), Name("b")], default));
    }

    [Fact]
    public async Task Publish_ToSeveralSubscribers_ReachesAllOfThatServerOnly()
    {
        var (first, second, other) = (new ConcurrentQueue<byte>(), new ConcurrentQueue<byte>(), new ConcurrentQueue<byte>());
        await using var a = await State.SubscribeAsync(Name("s1"), message => first.Enqueue(message.Span[0]), default);
        await using var b = await State.SubscribeAsync(Name("s1"), message => second.Enqueue(message.Span[0]), default);
        await using var c = await State.SubscribeAsync(Name("s2"), message => other.Enqueue(message.Span[0]), default);

        byte sent = 0;
        await Poll.UntilAsync(
            async () =>
            {
                // One may be lost: with a connection that broke on a busy machine and was made again.
                byte[] message = [++sent];
                await State.PublishAsync(Name("s1"), message, default);
                message[0] = 0;
                return first.Intersect(second).Any();
            },
            "both subscribers have one");
        Assert.All(first.Concat(second), number => Assert.InRange(number, 1, sent));
        Assert.Empty(other);
    }

    [Fact]
    public async Task Publish_WhenNobodyListens_IsNoError() => await State.PublishAsync(Name("nobody"), new byte[] { 1 }, default);

    [Fact]
    public async Task Publish_ToASlowHandler_DoesNotWaitForIt()
    {
        using var release = new ManualResetEventSlim();
        var handled = new ConcurrentQueue<byte>();
        var fast = 0;
        await using var slow = await State.SubscribeAsync(
            Name("s1"),
            message =>
            {
                release.Wait(TimeSpan.FromMinutes(2));
                handled.Enqueue(message.Span[0]);
            },
            default);
        await using var quick = await State.SubscribeAsync(Name("s2"), _ => Interlocked.Increment(ref fast), default);

        for (byte i = 0; i < 100; i++) await State.PublishAsync(Name("s1"), new[] { i }, default);

        // Some may be lost, here and below: with a connection that broke on a busy machine and was made again.
        await PublishUntilAsync("s2", 1, () => Volatile.Read(ref fast) > 0, "the other server's message is there");
        Assert.Empty(handled);
        release.Set();
        await PublishUntilAsync("s1", 200, () => handled.Contains((byte)200), "the slow one gets its messages in the end");
        Assert.Contains(handled, number => number < 200);
    }

    private Task PublishUntilAsync(string server, byte message, Func<bool> isSeen, string what) => Poll.UntilAsync(
        async () =>
        {
            await State.PublishAsync(Name(server), new[] { message }, default);
            return isSeen();
        },
        what);

    [Fact]
    public async Task Subscription_Disposed_GetsNothingMore()
    {
        var seen = 0;
        var subscription = await State.SubscribeAsync(Name("s1"), _ => Interlocked.Increment(ref seen), default);
        await subscription.DisposeAsync();
        await using var other = await State.SubscribeAsync(Name("s1"), _ => Interlocked.Add(ref seen, 100), default);

        await Poll.UntilAsync(
            async () =>
            {
                // One may be lost: with a connection that broke on a busy machine and was made again.
                await State.PublishAsync(Name("s1"), new byte[] { 1 }, default);
                return Volatile.Read(ref seen) >= 100;
            },
            "the other subscriber has one");
        Assert.Equal(0, Volatile.Read(ref seen) % 100);
    }

    [Fact]
    public async Task TakeToken_BucketEmpty_SaysHowLongAndRefills()
    {
        for (var i = 0; i < 3; i++) Assert.Equal(TimeSpan.Zero, await State.TakeTokenAsync(Name("bucket"), 3, PerSecond, default));
        var wait = await State.TakeTokenAsync(Name("bucket"), 3, PerSecond, default);
        Assert.InRange(wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
        Assert.Equal(TimeSpan.Zero, await State.TakeTokenAsync(Name("other"), 3, PerSecond, default));

        await PassAsync(wait);

        Assert.Equal(TimeSpan.Zero, await State.TakeTokenAsync(Name("bucket"), 3, PerSecond, default));
        Assert.NotEqual(TimeSpan.Zero, await State.TakeTokenAsync(Name("bucket"), 3, PerSecond, default));
    }

    [Fact]
    public async Task TakeToken_AfterALongPause_HoldsNoMoreThanItsCapacity()
    {
        for (var i = 0; i < 2; i++) Assert.Equal(TimeSpan.Zero, await State.TakeTokenAsync(Name("bucket"), 2, PerSecond, default));
        await PassAsync(TimeSpan.FromSeconds(16)); // three would be there by now

        for (var i = 0; i < 2; i++) Assert.Equal(TimeSpan.Zero, await State.TakeTokenAsync(Name("bucket"), 2, PerSecond, default));
        Assert.NotEqual(TimeSpan.Zero, await State.TakeTokenAsync(Name("bucket"), 2, PerSecond, default));
    }

    [Fact]
    public async Task TakeOnce_ByManyAtOnce_OneGetsIt()
    {
        await State.PutOnceAsync(Name("ticket"), "value", Minute, default);

        var taken = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Task.Run(async () => await State.TakeOnceAsync(Name("ticket"), default))));

        Assert.Equal("value", Assert.Single(taken, value => value is not null));
        Assert.Null(await State.TakeOnceAsync(Name("ticket"), default));
        Assert.Null(await State.TakeOnceAsync(Name("unknown"), default));
    }

    [Fact]
    public async Task TakeOnce_Expired_IsNull()
    {
        await State.PutOnceAsync(Name("ticket"), "value", TimeSpan.FromSeconds(1), default);
        await PassAsync(TimeSpan.FromSeconds(2));

        Assert.Null(await State.TakeOnceAsync(Name("ticket"), default));
    }
}
