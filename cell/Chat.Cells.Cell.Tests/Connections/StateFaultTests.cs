using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Connections;

/// <summary>What a cell still does while every call of its state fails.</summary>
public sealed class StateFaultTests : IAsyncLifetime
{
    private readonly string folder = TestCell.NewFolder();
    private CellEngines engines = null!;
    private FailingState state = null!;
    private FailingStore store = null!;

    public async Task InitializeAsync()
    {
        var real = await CellEngines.OpenEmbeddedAsync(Path.Combine(folder, "data"), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        state = new FailingState(real.State);
        store = new FailingStore(real.Store);
        engines = real with { State = state, Store = store };
    }

    public async Task DisposeAsync()
    {
        await engines.DisposeAsync();
        await state.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private Task<TestCell> StartAsync(Func<CellOptions, CellOptions>? change = null) =>
        TestCell.StartAsync(o => (change ?? (p => p))(o with { TickInterval = TimeSpan.FromMilliseconds(300) }), engines, folder);

    [Fact]
    public async Task State_Down_MessagesAreStoredAndRead_SocketsStayAndNothingIsDoubled()
    {
        await using var cell = await StartAsync(o => o with { VerdictTimeout = TimeSpan.FromSeconds(1) });
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        var channel = await cell.CreateDirectAsync(anna, bob);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);

        state.Fails = true;
        await sender.MessageAsync(channel, "hello", "r1");

        var received = await receiver.PayloadAsync("new_message");
        Assert.Equal("hello", (string)received["content"]!);
        Assert.Equal(ErrorCodes.Retry, (string)(await sender.PayloadAsync("error", "r1"))["code"]!);
        await using (var late = await cell.ConnectAsync(await cell.LogInAsync("bob")))
        {
            await late.SettleAsync(); // a socket that comes meanwhile is served, and may leave
        }

        state.Fails = false;
        Assert.Equal((string)received["messageId"]!, (string)(await sender.AckedAsync(channel, "hello", "r1"))["messageId"]!);
        await sender.MessageAsync(channel, "next", "r2");
        Assert.Equal("next", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
        await receiver.SettleAsync();
        Assert.Empty(receiver.Kept("new_message"));
        await Poll.UntilAsync(async () => (await state.FindServersAsync([bob.UserId], default))[0].Count == 1, "the tick registers again");
    }

    [Fact]
    public async Task State_Down_TheServerSaysSoAndStaysReady()
    {
        await using var cell = await StartAsync();
        state.Fails = true;
        using (var without = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/readyz", null))
        {
            var answer = await TestCell.ReadAsync(without, 200);
            Assert.NotEqual("ok", (string)answer["checks"]!["state"]!);
            Assert.Equal("ok", (string)answer["checks"]!["store"]!);
        }

        state.Fails = false;
        using var with = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/readyz", null);
        Assert.Equal("ok", (string)(await TestCell.ReadAsync(with, 200))["checks"]!["state"]!);
    }

    [Fact]
    public async Task State_BackWithOldCursors_InboxesAreReadAllTheSame()
    {
        await using var cell = await StartAsync(o => o with { TickInterval = TimeSpan.FromSeconds(2) });
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        var channel = await cell.CreateDirectAsync(anna, bob);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await sender.MessageAsync(channel, "before", "r1");
        await receiver.PayloadAsync("new_message");

        // The outage ends between a message and the tick: nobody was told of it, and what the state holds is older.
        state.Fails = true;
        await sender.MessageAsync(channel, "meanwhile", "r2");
        await Poll.UntilAsync(async () => (await engines.Store.ReadHistoryAsync(channel, null, 10, default)).Count == 2, "it is judged");
        await Poll.UntilAsync(async () => (await engines.Store.ReadInboxAsync(bob.UserId, InboxCursor.Start, 100, default)).Count(r => InboxRecord.Decode(r.Payload).Kind == InboxKind.Message) == 2, "it is delivered");
        state.Fails = false;

        Assert.Equal("meanwhile", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    [Fact]
    public async Task State_DownAndSomeInboxesUnreadable_TheOthersAreReadAllTheSame()
    {
        await using var cell = await StartAsync();
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        var channel = await cell.CreateDirectAsync(anna, bob);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        var spoiled = new List<TestSocket>();
        for (var i = 0; i < 8; i++) spoiled.Add(await cell.ConnectAsync(await cell.SignUpAsync($"other-{i}")));
        await sender.MessageAsync(channel, "before", "r1");
        await receiver.PayloadAsync("new_message");
        store.BeforeLatestCursorOf = user =>
        {
            if (user != bob.UserId) throw new StoreException("this partition is damaged");
        };

        state.Fails = true;
        await sender.MessageAsync(channel, "meanwhile", "r2");

        Assert.Equal("meanwhile", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
        store.BeforeLatestCursorOf = _ => { };
        foreach (var socket in spoiled) await socket.DisposeAsync();
    }

    [Fact]
    public async Task Unread_TellingFailsByAnything_ASocketThatHasJustSyncedIsToldAllTheSame()
    {
        await using var cell = await StartAsync();
        var anna = await cell.SignUpAsync("anna");
        state.UnreadFaults = 2;

        await using var socket = await cell.ConnectAsync(anna);

        Assert.True((bool)(await socket.PayloadAsync("unread"))["all"]!);
    }

    [Fact]
    public async Task State_DownAtTheStart_IsSubscribedToLater()
    {
        state.Fails = true;
        await using var cell = await StartAsync();
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        await using var sender = await cell.ConnectAsync(anna);

        state.Fails = false;
        await Poll.UntilAsync(() => state.Subscribed, "the server subscribes");

        await sender.MessageAsync(await cell.CreateDirectAsync(anna, bob), "hello", "r1");
        await sender.ReceiveAsync("message_ack", "r1");
    }

    [Fact]
    public async Task Tickets_StateDown_Are503AndWorkAgain()
    {
        await using var cell = await StartAsync();
        var anna = await cell.SignUpAsync("anna");
        using var made = await cell.PostAsync("/v1/tickets", anna.Token, null);
        var ticket = (string)(await TestCell.ReadAsync(made, 201))["ticket"]!;

        state.Fails = true;
        using (var refused = await cell.PostAsync("/v1/tickets", anna.Token, null))
            Assert.Equal(ErrorCodes.Retry, (string)(await TestCell.ReadAsync(refused, 503))["code"]!);
        Assert.Equal(503, (await Assert.ThrowsAsync<RefusedException>(() => TestSocket.ConnectAsync(cell.Public, null, null, "chat.cells.v1", "ticket." + ticket))).Status);

        state.Fails = false;
        await using var socket = await TestSocket.ConnectAsync(cell.Public, null, null, "chat.cells.v1", "ticket." + ticket);
        await socket.SendAsync("sync", new { });
        await socket.ReceiveAsync("sync_reset");
    }

    [Fact]
    public async Task Sends_StateDown_AreLimitedByTheServerItself()
    {
        await using var cell = await StartAsync(o => o with { MessagesPerMinute = 3, VerdictTimeout = TimeSpan.FromSeconds(2) });
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        var channel = await cell.CreateDirectAsync(anna, bob);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);

        state.Fails = true;
        for (var i = 0; i < 4; i++) await sender.MessageAsync(channel, "m" + i, "r" + i);

        Assert.Equal(ErrorCodes.RateLimited, (string)(await sender.PayloadAsync("error", "r3"))["code"]!);
        for (var i = 0; i < 3; i++) Assert.Equal("m" + i, (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    [Fact]
    public async Task Logins_StateDown_AreStillLimited()
    {
        await using var cell = await StartAsync();
        await cell.SignUpAsync("anna");
        state.Fails = true;
        var statuses = new List<int>();
        for (var i = 0; i < 11; i++)
        {
            using var response = await cell.PostAsync("/v1/handles/anna@eu-west/sessions", null, new { password = "a wrong one", device = new { name = "test", kind = "phone" } });
            statuses.Add((int)response.StatusCode);
        }
        Assert.Equal([.. Enumerable.Repeat(401, 10), 429], statuses);
    }
}
