using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Chat.Cells.Cell.Engines.Redis;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Tests.Contracts.Running;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

[Needs(Needed.RedisServer)]
public sealed class RedisFaultTests : IAsyncLifetime
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private RedisServer server = null!;

    public async Task InitializeAsync() => server = await RedisServer.StartAsync();

    public async Task DisposeAsync() => await server.DisposeAsync();

    private Task<RedisCellState> ConnectAsync(TimeSpan? timeout = null) => RedisCellStateContract.ConnectAsync(server.Endpoint, timeout: timeout ?? TimeSpan.FromSeconds(5));

    private static async Task<bool> WorksAsync(Func<ValueTask> call)
    {
        try
        {
            await call();
            return true;
        }
        catch (CellStateException)
        {
            return false;
        }
    }

    [Fact]
    public async Task Values_ThatNoServerWrote_CountAsUnknownAndForTheirUserOnly()
    {
        await using var state = await ConnectAsync();
        var cursor = new InboxCursor(1, 2, 3);
        await state.AdvanceCursorsAsync([new UserCursor("a", cursor)], default);
        await state.BeginUnreadAsync("a", cursor, "token", default);
        Assert.True(await state.CompleteUnreadAsync("a", "token", [], default));
        await server.AskAsync("SET", "test:cursor:{b}", "evil");
        await server.AskAsync("SET", "test:cursor:{c}", "0000000001.0000000002.00000000000000000x4");
        await server.AskAsync("HSET", "test:unread:{b}", "at", "evil");
        await server.AskAsync("HSET", "test:unread:{c}", "at", "0000000001.0000000002.0000000000000000004", "n:d.1", "evil");

        InboxCursor?[] expected = [cursor, null, null];
        Assert.Equal(expected, await state.GetCursorsAsync(["a", "b", "c"], default));
        UserPresence[] users = [new("a", 0, DeviceKinds.None), new("b", 0, DeviceKinds.None), new("c", 0, DeviceKinds.None)];
        Assert.Equal(expected, await state.RefreshAsync("s1", users, Minute, default));
        Assert.Equal(expected, (await state.GetUnreadAsync(["a", "b", "c"], default)).Select(u => u?.Cursor));

        foreach (var user in new[] { "b", "c" })
        {
            await state.BeginUnreadAsync(user, cursor, "token", default);
            Assert.True(await state.CompleteUnreadAsync(user, "token", [], default));
            Assert.Equal(cursor, (await state.GetUnreadAsync([user], default))[0]!.Cursor);
        }
    }

    [Theory]
    [InlineData("evil")]
    [InlineData("")]
    [InlineData("|0|")]
    public async Task Presence_ThatNoServerWrote_CountsAsUnknownAndForItsUserOnly(string field)
    {
        await using var state = await ConnectAsync();
        var web = DeviceKinds.Of("web", isAway: false);
        await state.SetPresenceAsync("s1", [new("a", 7, web), new("b", 8, web)], Minute, default);
        await server.AskAsync("HSET", "test:presence:{b}", "foreign", field);
        await server.AskAsync("SET", "test:seen:{b}", "evil");

        var seen = await state.WatchPresenceAsync("s2", ["a", "b"], Minute, default);

        Assert.Equal([("a", 7), ("b", 8)], seen.Select(s => (s!.UserId, s.LastActiveAt!.Value)));
        Assert.All(seen, s => Assert.Equal(["web"], s!.Devices));
        await server.AskAsync("HSET", "test:presence:{b}", "foreign", field);
        Assert.Equal(2, (await state.SetPresenceAsync("s1", [new("a", 9, web), new("b", 9, web)], Minute, default)).Count);
    }

    [Fact]
    public async Task Server_KilledAndRestarted_IsUsedAgainAndSubscriptionsGoOn()
    {
        await using var state = await ConnectAsync();
        var seen = new ConcurrentQueue<byte>();
        await using var subscription = await state.SubscribeAsync("s1", m => seen.Enqueue(m.Span[0]), default);
        await state.RegisterAsync("s1", ["a"], Minute, default);

        await server.KillAsync();
        await Poll.UntilAsync(async () => !await WorksAsync(() => state.RegisterAsync("s1", ["a"], Minute, default)), "calls fail with CellStateException");
        await Assert.ThrowsAsync<CellStateException>(async () => await state.FindServersAsync(["a"], default));
        await Assert.ThrowsAsync<CellStateException>(async () => await state.GetCursorsAsync(["a"], default));
        await Assert.ThrowsAsync<CellStateException>(async () => await state.AdvanceCursorsAsync([new UserCursor("a", new InboxCursor(1, 2, 3))], default));
        await Assert.ThrowsAsync<CellStateException>(async () => await state.TakeTokenAsync("b", 1, 1, default));
        await Assert.ThrowsAsync<CellStateException>(async () => await state.PutOnceAsync("k", "v", Minute, default));
        await Assert.ThrowsAsync<CellStateException>(async () => await state.TakeOnceAsync("k", default));
        await Assert.ThrowsAsync<CellStateException>(async () => await state.PublishAsync("s1", new byte[] { 1 }, default));
        await Assert.ThrowsAsync<CellStateException>(async () => await state.UnregisterAsync("s1", "a", default));

        await server.RestartAsync();
        await Poll.UntilAsync(() => WorksAsync(() => state.RegisterAsync("s1", ["a"], Minute, default)), "it is connected again");
        Assert.Equal(["s1"], (await state.FindServersAsync(["a"], default))[0]);
        await Poll.UntilAsync(
            async () => await WorksAsync(() => state.PublishAsync("s1", new byte[] { 7 }, default)) && !seen.IsEmpty, "the subscription works again");
        Assert.All(seen, b => Assert.Equal(7, b));
    }

    [Fact]
    public async Task Server_Flushed_IsFilledAgainByTheNextRegistration()
    {
        await using var state = await ConnectAsync();
        await state.RegisterAsync("s1", ["a", "b"], Minute, default);
        await state.AdvanceCursorsAsync([new UserCursor("a", new InboxCursor(1, 2, 3))], default);

        await server.AskAsync("FLUSHALL");
        await server.AskAsync("SCRIPT", "FLUSH");

        Assert.All(await state.FindServersAsync(["a", "b"], default), Assert.Empty);
        Assert.Equal([null], await state.GetCursorsAsync(["a"], default));
        await state.RegisterAsync("s1", ["a", "b"], Minute, default);
        Assert.All(await state.FindServersAsync(["a", "b"], default), servers => Assert.Equal(["s1"], servers));
    }

    [Fact]
    public async Task Server_Paused_FailsWithinTheTimeOutThenWorksAgain()
    {
        await using var state = await ConnectAsync(TimeSpan.FromSeconds(1));
        await Poll.UntilAsync(() => WorksAsync(() => state.RegisterAsync("s1", ["a"], Minute, default)), "it works at first");

        await server.PauseAsync();
        var began = Stopwatch.GetTimestamp();
        await Assert.ThrowsAsync<CellStateException>(async () => await state.FindServersAsync(["a"], default));
        // Generous for a busy machine; without a bound of the engine's own the call would wait for as long as the server is paused.
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(15));

        await server.ContinueAsync();
        await Poll.UntilAsync(() => WorksAsync(() => state.RegisterAsync("s1", ["a"], Minute, default)), "it works again");
    }

    [Fact]
    public async Task Server_NotThereAtFirst_IsConnectedToWhenItComes()
    {
        await server.KillAsync();
        await using var state = await ConnectAsync();
        var seen = new ConcurrentQueue<byte>();
        await using var subscription = await state.SubscribeAsync("s1", m => seen.Enqueue(m.Span[0]), default);
        await Assert.ThrowsAsync<CellStateException>(async () => await state.RegisterAsync("s1", ["a"], Minute, default));

        await server.RestartAsync();

        await Poll.UntilAsync(() => WorksAsync(() => state.RegisterAsync("s1", ["a"], Minute, default)), "it is connected");
        await Poll.UntilAsync(
            async () => await WorksAsync(() => state.PublishAsync("s1", new byte[] { 7 }, default)) && !seen.IsEmpty, "what was subscribed to before comes");
    }

    [Fact]
    public async Task Message_NotSignedByTheCell_IsDropped()
    {
        await using var state = await ConnectAsync();
        var seen = new ConcurrentQueue<string>();
        await using var subscription = await state.SubscribeAsync("s1", m => seen.Enqueue(Encoding.UTF8.GetString(m.Span)), default);

        Assert.Equal(":1\r\n", await server.AskAsync("PUBLISH", "test:server:s1", "forged, and longer than a signature"));
        Assert.Equal(":1\r\n", await server.AskAsync("PUBLISH", "test:server:s1", "short"));
        Assert.Equal(":1\r\n", await server.AskAsync("PUBLISH", "test:server:s1", ""));
        await state.PublishAsync("s1", Encoding.UTF8.GetBytes("genuine"), default);

        await Poll.UntilAsync(() => !seen.IsEmpty, "the genuine one is there");
        Assert.Equal(["genuine"], seen);
    }

    [Fact]
    public void SignedMessage_ForAnotherServerOrChanged_IsNotOpened()
    {
        var messages = new SignedMessages(RedisCellStateContract.Key);
        var signed = messages.Sign("s1", [1, 2, 3]);
        Assert.True(messages.TryOpen("s1", signed, out var opened));
        Assert.Equal(new byte[] { 1, 2, 3 }, opened.ToArray());
        Assert.False(messages.TryOpen("s2", signed, out _));
        signed[^1] ^= 1;
        Assert.False(messages.TryOpen("s1", signed, out _));
        Assert.False(new SignedMessages(new byte[32]).TryOpen("s1", messages.Sign("s1", [1]), out _));
    }

    [Theory]
    [InlineData("wrong")]
    [InlineData(null)]
    public async Task Password_WrongOrMissing_IsToldAtTheStart(string? password)
    {
        await using var guarded = await RedisServer.StartAsync("right");
        var refused = await Assert.ThrowsAsync<CellStateException>(() => RedisCellStateContract.ConnectAsync(guarded.Endpoint, password, TimeSpan.FromSeconds(5)));
        Assert.Contains("password", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", refused.ToString(), StringComparison.Ordinal);
    }
}
