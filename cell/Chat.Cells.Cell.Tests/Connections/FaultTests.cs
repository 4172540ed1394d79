using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Connections;

public sealed class FaultTests : IAsyncLifetime
{
    private readonly string folder = TestCell.NewFolder();
    private CellEngines engines = null!;
    private LossyState state = null!;
    private FailingLog log = null!;
    private FailingStore store = null!;

    public async Task InitializeAsync()
    {
        var real = await CellEngines.OpenEmbeddedAsync(Path.Combine(folder, "data"), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        state = new LossyState(real.State);
        log = new FailingLog(real.Log);
        store = new FailingStore(real.Store);
        engines = real with { State = state, Log = log, Store = store };
    }

    public async Task DisposeAsync()
    {
        await engines.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private Task<TestCell> StartAsync(Func<CellOptions, CellOptions>? change = null) => TestCell.StartAsync(change, engines, folder);

    private static async Task<(TestUser Anna, TestUser Bob, string Channel)> PrepareAsync(TestCell cell)
    {
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        return (anna, bob, await cell.CreateDirectAsync(anna, bob));
    }

    [Fact]
    public async Task Hints_AllLost_EverythingArrivesOnceByTheTick()
    {
        await using var cell = await StartAsync(o => o with { TickInterval = TimeSpan.FromMilliseconds(300) });
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        state.Loses = m => m is Hint;
        for (var i = 0; i < 20; i++) await sender.MessageAsync(channel, "m" + i, "r" + i);
        for (var i = 0; i < 20; i++) Assert.Equal("m" + i, (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    [Fact]
    public async Task Hints_EverySecondLost_EverythingArrivesOnceInOrder()
    {
        await using var cell = await StartAsync();
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        var count = 0;
        state.Loses = m => m is Hint && Interlocked.Increment(ref count) % 2 == 0;
        for (var i = 0; i < 50; i++) await sender.MessageAsync(channel, "m" + i, "r" + i);
        for (var i = 0; i < 50; i++) Assert.Equal("m" + i, (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    [Fact]
    public async Task Verdict_Lost_GetsRetryAndTheRetryGetsTheAck()
    {
        await using var cell = await StartAsync(o => o with { VerdictTimeout = TimeSpan.FromSeconds(1) });
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        state.Loses = m => m is Verdict;
        await sender.MessageAsync(channel, "hello", "r1");
        var error = await sender.PayloadAsync("error", "r1");
        Assert.Equal(ErrorCodes.Retry, (string)error["code"]!);
        Assert.True((int)error["retryAfter"]! > 0);
        state.Loses = _ => false;
        var id = (string)(await sender.AckedAsync(channel, "hello", "r1"))["messageId"]!;
        Assert.Equal(id, (string)(await receiver.PayloadAsync("new_message"))["messageId"]!);
        await receiver.SettleAsync();
        Assert.Empty(receiver.Kept("new_message"));
    }

    [Theory]
    [InlineData(false, ErrorCodes.Retry)]
    [InlineData(true, ErrorCodes.Busy)]
    public async Task Append_Fails_IsNeverAckedAndTheRetryIs(bool full, string code)
    {
        await using var cell = await StartAsync();
        var (anna, _, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        log.Fault = () => full ? new LogFullException("disk full") : new LogUnavailableException("no answer");
        await sender.MessageAsync(channel, "hello", "r1");
        Assert.Equal(code, (string)(await sender.PayloadAsync("error", "r1"))["code"]!);
        using (var command = await cell.PostAsync("/v1/channels", anna.Token, new { type = "group", name = "g", userIds = Array.Empty<string>(), requestId = "g1" }))
            Assert.Equal(ErrorCodes.Retry, (string)(await TestCell.ReadAsync(command, 503))["code"]!);
        log.Fault = null;
        await sender.SettleAsync();
        Assert.Empty(sender.Kept("message_ack"));
        await sender.MessageAsync(channel, "hello", "r1");
        await sender.ReceiveAsync("message_ack", "r1");
    }

    [Fact]
    public async Task Verdict_OfTheSameRequestIdInAnotherChannel_AnswersThatChannelOnly()
    {
        await using var cell = await StartAsync(o => o with { VerdictTimeout = TimeSpan.FromSeconds(60) });
        var (anna, bob, direct) = await PrepareAsync(cell);
        var group = await cell.CreateGroupAsync(anna, "both", bob);
        await using var sender = await cell.ConnectAsync(anna);
        state.Loses = m => m is Verdict v && v.ChannelId == direct;
        await sender.MessageAsync(direct, "to one", "r1");
        await sender.MessageAsync(group, "to both", "r1");
        var ack = await sender.PayloadAsync("message_ack", "r1");
        Assert.Equal(group, (string)ack["channelId"]!);
        await sender.SettleAsync();
        Assert.Empty(sender.Kept("message_ack"));
    }

    [Fact]
    public async Task Sync_StoreFails_ClosesTheSocketSoThatTheClientSyncsAgain()
    {
        await using var cell = await StartAsync();
        var (anna, _, _) = await PrepareAsync(cell);
        await using var socket = await cell.OpenAsync(anna);
        store.BeforeLatestCursor = () => throw new StoreException("not now");
        await socket.SendAsync("sync", new { cursor = (string?)null });
        var (code, _) = await socket.ClosedAsync();
        Assert.Equal((int)System.Net.WebSockets.WebSocketCloseStatus.InternalServerError, code);
        store.BeforeLatestCursor = () => { };
        await using var again = await cell.ConnectAsync(anna);
    }

    [Fact]
    public async Task Inbox_ReadFailsByAnything_IsReadAgain()
    {
        await using var cell = await StartAsync(o => o with { TickInterval = TimeSpan.FromMilliseconds(300) });
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await PrimeAsync(sender, receiver, channel);
        var failures = 0;
        store.BeforeInbox = () =>
        {
            if (Interlocked.Increment(ref failures) <= 2) throw new InvalidOperationException("an engine's own kind of failure");
        };
        state.Loses = m => m is Hint;
        await sender.MessageAsync(channel, "second", "r2");
        Assert.Equal("second", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Inbox_ARowThatCanNotBeShown_IsPassedOverAndTheRestArrives(bool live)
    {
        await using var cell = await StartAsync(o => o with { TickInterval = TimeSpan.FromMilliseconds(300) });
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var before = await cell.ConnectAsync(bob);
        var cursor = (string)(await PrimeAsync(sender, before, channel))["cursor"]!;
        state.Loses = m => m is Hint;
        store.Alter = row => InboxRecord.Decode(row.Payload) is { RequestId: "r3" } ? row with { Payload = new byte[] { 255 } } : row;
        if (!live) await before.DisposeAsync();

        for (var i = 2; i <= 4; i++)
        {
            await sender.MessageAsync(channel, $"message {i}", $"r{i}");
            await sender.ReceiveAsync("message_ack", $"r{i}");
        }

        await using var receiver = live ? before : await cell.ConnectAsync(bob, cursor);
        var seen = new List<string>();
        while (seen.Count < 2)
        {
            var frame = (await receiver.NextAsync())!;
            var events = (string)frame["type"]! == "sync_batch" ? frame["payload"]!["events"]!.AsArray().Select(e => e!.AsObject()) : [frame];
            seen.AddRange(events.Where(e => (string)e["type"]! == "new_message").Select(e => (string)e["payload"]!["content"]!));
        }
        Assert.Equal(["message 2", "message 4"], seen);
        await sender.MessageAsync(channel, "message 5", "r5");
        Assert.Equal("message 5", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    [Fact]
    public async Task Readiness_LogFails_SaysSoAndComesBack()
    {
        await using var cell = await StartAsync();
        log.Fault = () => new LogUnavailableException("the disk is gone");
        using (var unready = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/readyz", null))
            Assert.Equal("the disk is gone", (string)(await TestCell.ReadAsync(unready, 503))["checks"]!["log"]!);
        log.Fault = null;
        await Poll.UntilAsync(async () =>
        {
            using var ready = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/readyz", null);
            return ready.IsSuccessStatusCode;
        }, "the cell is ready again");
    }

    [Fact]
    public async Task Sends_MoreThanTheRate_GetRateLimitedWithAWait()
    {
        await using var cell = await StartAsync(o => o with { MessagesPerMinute = 3 });
        var (anna, _, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        for (var i = 0; i < 4; i++) await sender.MessageAsync(channel, "m", "r" + i);
        var error = await sender.PayloadAsync("error", "r3");
        Assert.Equal(ErrorCodes.RateLimited, (string)error["code"]!);
        Assert.InRange((int)error["retryAfter"]!, 1, 60_000);
        for (var i = 0; i < 3; i++) await sender.ReceiveAsync("message_ack", "r" + i);

        // Changes count like messages.
        await sender.SendAsync("delete_message", new { channelId = channel, messageId = Ulid.NewUlid().ToString() }, "d1");
        Assert.Equal(ErrorCodes.RateLimited, (string)(await sender.PayloadAsync("error", "d1"))["code"]!);
    }

    [Fact]
    public async Task Sends_TooManyUnjudged_GetBusy()
    {
        await using var cell = await StartAsync(o => o with { VerdictTimeout = TimeSpan.FromSeconds(60) });
        var (anna, _, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        state.Loses = m => m is Verdict;
        for (var i = 0; i < 257; i++) await sender.MessageAsync(channel, "m", "r" + i);
        Assert.Equal(ErrorCodes.Busy, (string)(await sender.PayloadAsync("error", "r256"))["code"]!);
    }

    [Fact]
    public async Task Socket_ThatTakesNothing_IsClosedWith4008AndCatchesUpByCursor()
    {
        // It sends no heartbeats: on a busy machine the messages below take longer than a silent socket is kept.
        await using var cell = await StartAsync(o => o with { OutboundFrames = 8, OutboundBytes = 600_000, SlowTimeout = TimeSpan.FromSeconds(1), TickInterval = TimeSpan.FromMilliseconds(200), CloseTimeout = TimeSpan.FromSeconds(60), SilenceTimeout = TimeSpan.FromMinutes(5) });
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var slow = await RawSocket.ConnectAsync(cell.Public, bob.Token, receiveBuffer: 4096);
        await slow.WriteAsync([TestSocket.Frame("sync", new { })]);
        var cursor = (string)(await slow.Socket.PayloadAsync("sync_reset"))["cursor"]!;
        var text = new string('x', 90_000);
        var sent = 0;
        // What lies in the buffers of the machine differs: send until the server has given up, then let the client read again.
        for (; sent < 400 && !HasClosedASlowOne(cell); sent++)
        {
            await sender.MessageAsync(channel, text + sent, "r" + sent);
            await sender.ReceiveAsync("message_ack", "r" + sent);
        }
        Assert.Equal(CloseCodes.TooSlow, (await slow.Socket.ClosedAsync()).Code);
        await using var again = await cell.ConnectAsync(bob, cursor);
        var got = 0;
        while (got < sent)
        {
            var frame = (await again.NextAsync())!;
            var events = (string)frame["type"]! == "sync_batch" ? frame["payload"]!["events"]!.AsArray().Select(e => e!.AsObject()) : [frame];
            foreach (var message in events.Where(e => (string)e["type"]! == "new_message")) Assert.Equal(text + got++, (string)message["payload"]!["content"]!);
        }
    }

    /// <summary>The server counts the sockets that it closed for being slow.</summary>
    private static bool HasClosedASlowOne(TestCell cell) =>
        ((Chat.Cells.Metrics.MetricsCollector)cell.Services.GetService(typeof(Chat.Cells.Metrics.MetricsCollector))!).Write()
            .Split('\n').Any(l => l.StartsWith("chatcells_slow_sockets_total ", StringComparison.Ordinal) && !l.EndsWith(" 0", StringComparison.Ordinal));

    [Fact]
    public async Task Sockets_OfOneUserOverTheLimit_AreRefusedAndOthersAreNot()
    {
        await using var cell = await TestCell.StartAsync(o => o with { MaxConnectionsPerUser = 2 });
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        await using var first = await cell.ConnectAsync(anna);
        await using (await cell.ConnectAsync(anna))
        {
            Assert.Equal(429, (await Assert.ThrowsAsync<RefusedException>(() => cell.OpenAsync(anna))).Status);
            await using var other = await cell.ConnectAsync(bob);
        }
        await Poll.UntilAsync(
            async () =>
            {
                try
                {
                    await using var again = await cell.ConnectAsync(anna);
                    return true;
                }
                catch (RefusedException)
                {
                    return false; // the closed one is still counted
                }
            },
            "there is room again");
    }

    [Fact]
    public async Task Clock_SetForward_ClosesNoSocket()
    {
        var clock = new WrongClock();
        await using var cell = await TestCell.StartAsync(o => o with { TickInterval = TimeSpan.FromMilliseconds(100), SilenceTimeout = TimeSpan.FromSeconds(30) }, engines, folder, time: clock);
        var (anna, bob, channel) = await PrepareAsync(cell);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        var ticks = clock.Asked;

        clock.Ahead = TimeSpan.FromMinutes(2);

        // The tick asks for the time; several of them have looked at the sockets when it was asked so often.
        await Poll.UntilAsync(() => clock.Asked > ticks + 20, "the sockets were looked at");
        await sender.MessageAsync(channel, "still here", "r1");
        Assert.Equal("still here", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    /// <summary>A clock that somebody sets; what is measured with it is right.</summary>
    private sealed class WrongClock : TimeProvider
    {
        private int asked;

        public TimeSpan Ahead { get; set; }

        public int Asked => Volatile.Read(ref asked);

        public override DateTimeOffset GetUtcNow()
        {
            Interlocked.Increment(ref asked);
            return base.GetUtcNow() + Ahead;
        }
    }

    [Fact]
    public async Task Socket_Silent_IsClosed()
    {
        await using var cell = await StartAsync(o => o with { SilenceTimeout = TimeSpan.FromSeconds(2), TickInterval = TimeSpan.FromMilliseconds(200) });
        var (anna, _, _) = await PrepareAsync(cell);
        await using var socket = await RawSocket.ConnectAsync(cell.Public, anna.Token);
        await Assert.ThrowsAnyAsync<System.Net.WebSockets.WebSocketException>(() => socket.Socket.ClosedAsync());
        await Poll.UntilAsync(async () => (await state.FindServersAsync([anna.UserId], default))[0].Count == 0, "the user is unregistered");
    }

    [Fact]
    public async Task Servers_TwoOfEachRole_ServeOneConversation()
    {
        await using var one = await StartAsync(o => o with { ServerId = "server-0" });
        await using var two = await StartAsync(o => o with { ServerId = "server-1" });
        var (anna, bob, channel) = await PrepareAsync(one);
        var group = await two.CreateGroupAsync(bob, "all", anna);
        var annasPhone = await two.LogInAsync("anna");
        await using var annaOne = await one.ConnectAsync(anna);
        await using var annaTwo = await two.ConnectAsync(annasPhone);
        await using var bobTwo = await two.ConnectAsync(bob);
        for (var i = 0; i < 30; i++)
        {
            await annaOne.MessageAsync(channel, "a" + i, "a" + i);
            await bobTwo.MessageAsync(group, "b" + i, "b" + i);
        }
        for (var i = 0; i < 30; i++)
        {
            await annaOne.ReceiveAsync("message_ack", "a" + i);
            await bobTwo.ReceiveAsync("message_ack", "b" + i);
        }
        foreach (var socket in new[] { annaOne, annaTwo, bobTwo })
        {
            var seen = new List<string>();
            for (var i = 0; i < 60; i++) seen.Add((string)(await socket.PayloadAsync("new_message"))["content"]!);
            Assert.Equal(Enumerable.Range(0, 30).Select(i => "a" + i), seen.Where(s => s[0] == 'a'));
            Assert.Equal(Enumerable.Range(0, 30).Select(i => "b" + i), seen.Where(s => s[0] == 'b'));
        }
    }

    [Fact]
    public async Task Stop_WithOpenSockets_ClosesThemWith4013AndADelay()
    {
        var cell = await StartAsync();
        var (anna, bob, _) = await PrepareAsync(cell);
        await using var first = await cell.ConnectAsync(anna);
        await using var second = await cell.ConnectAsync(bob);
        var closes = Task.WhenAll(first.ClosedAsync(), second.ClosedAsync());
        await cell.StopAsync();
        foreach (var (code, reason) in await closes)
        {
            Assert.Equal(CloseCodes.Draining, code);
            Assert.InRange(int.Parse(reason!), 1, 60_000);
        }
        await cell.DisposeAsync();
    }

    [Fact]
    public async Task Restart_OnTheSameData_KeepsAccountsCursorsAndDedupe()
    {
        string cursor, channel;
        TestUser anna, bob;
        await using (var before = await StartAsync())
        {
            (anna, bob, channel) = await PrepareAsync(before);
            await using var sender = await before.ConnectAsync(anna);
            await using var receiver = await before.ConnectAsync(bob);
            cursor = (string)(await PrimeAsync(sender, receiver, channel))["cursor"]!;
            await receiver.DisposeAsync();
            await sender.MessageAsync(channel, "missed", "r2");
            await sender.ReceiveAsync("message_ack", "r2");
        }
        await using var after = await StartAsync();
        await using var again = await after.ConnectAsync(bob, cursor);
        var events = (await again.PayloadAsync("sync_batch"))["events"]!.AsArray();
        Assert.Equal("missed", (string)Assert.Single(events)!["payload"]!["content"]!);
        await using var resend = await after.ConnectAsync(anna);
        await resend.MessageAsync(channel, "missed", "r2");
        Assert.Equal((string)events[0]!["payload"]!["messageId"]!, (string)(await resend.PayloadAsync("message_ack", "r2"))["messageId"]!);
    }

    private static async Task<System.Text.Json.Nodes.JsonObject> PrimeAsync(TestSocket sender, TestSocket receiver, string channel)
    {
        await sender.MessageAsync(channel, "first", "r1");
        return await receiver.PayloadAsync("new_message");
    }
}
