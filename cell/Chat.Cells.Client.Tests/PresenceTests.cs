using Chat.Cells.Client.Events;
using Chat.Cells.Client.Presence;
using Chat.Cells.Client.Tests.Servers;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client.Tests;

public sealed class PresenceTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private ScriptedServer server = null!;
    private ChatClient client = null!;

    public async Task InitializeAsync()
    {
        server = await ScriptedServer.StartAsync();
        client = new ChatClient(ClientFixture.NewSession(), ClientFixture.Options(server) with { HeartbeatInterval = TimeSpan.FromMilliseconds(200) });
        client.Start();
    }

    public async Task DisposeAsync()
    {
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    private async Task<ScriptedConnection> LiveAsync()
    {
        var connection = await server.AcceptSyncedAsync();
        await client.WaitUntilLiveAsync(default);
        return connection;
    }

    private static Task TellAsync(ScriptedConnection connection, string userId, string status, params string[] devices) =>
        connection.SendAsync("presence", new { userId, status, lastActiveAt = 1_800_000_000_000, devices });

    private static async Task<(string Request, string[] UserIds)> SubscriptionAsync(ScriptedConnection connection)
    {
        var frame = await connection.ReceiveAsync("presence_subscribe");
        return ((string)frame["requestId"]!, [.. frame["payload"]!["userIds"]!.AsArray().Select(u => (string)u!)]);
    }

    [Fact]
    public async Task Subscribe_AnsweredForEachUser_IsDoneAndChangesAreEvents()
    {
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        var connection = await LiveAsync();
        var answered = client.SubscribePresenceAsync(["eu.a", "eu.b", "eu.a"]);
        Assert.Equal(["eu.a", "eu.b"], (await SubscriptionAsync(connection)).UserIds);
        await TellAsync(connection, "eu.a", "online", "mobile", "web");
        await TellAsync(connection, "eu.stranger", "online");
        Assert.False(answered.IsCompleted);
        await TellAsync(connection, "eu.b", "offline");
        await answered.WaitAsync(Patience);

        var first = (await events.NextAsync<PresenceChanged>()).Presence;
        Assert.Equal(("eu.a", PresenceStatus.Online, DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_000), "mobile,web"), (first.UserId, first.Status, first.LastActiveAt!.Value, string.Join(',', first.Devices)));
        Assert.Equal("eu.b", (await events.NextAsync<PresenceChanged>()).Presence.UserId);
        await TellAsync(connection, "eu.b", "offline"); // nothing new
        await TellAsync(connection, "eu.b", "dancing"); // of a later server
        await TellAsync(connection, "eu.b", "away", "web");
        Assert.Equal(PresenceStatus.Away, (await events.NextAsync<PresenceChanged>()).Presence.Status);
        Assert.Equal(PresenceStatus.Away, client.Presence("eu.b")!.Status);
        Assert.Null(client.Presence("eu.stranger"));
    }

    [Fact]
    public async Task Subscribe_Replaced_ForgetsTheOthersAndAnEmptyOneIsSaid()
    {
        var connection = await LiveAsync();
        var first = client.SubscribePresenceAsync(["eu.a", "eu.b"]);
        await SubscriptionAsync(connection);
        await TellAsync(connection, "eu.a", "online", "web");
        await Poll.UntilAsync(() => client.Presence("eu.a") is not null, "eu.a is known");
        var second = client.SubscribePresenceAsync(["eu.b"]);
        Assert.Null(client.Presence("eu.a"));
        Assert.Equal(["eu.b"], (await SubscriptionAsync(connection)).UserIds);
        await TellAsync(connection, "eu.b", "online", "web");
        await Task.WhenAll(first, second).WaitAsync(Patience);
        await client.SubscribePresenceAsync([]).WaitAsync(Patience);
        Assert.Empty((await SubscriptionAsync(connection)).UserIds);
    }

    [Fact]
    public async Task Subscribe_BeforeConnectedAndAfterEachReconnect_IsSaidAgain()
    {
        var answered = client.SubscribePresenceAsync(["eu.a"]);
        var connection = await server.AcceptSyncedAsync();
        Assert.Equal(["eu.a"], (await SubscriptionAsync(connection)).UserIds);
        connection.Abort();

        connection = await server.AcceptSyncedAsync();
        Assert.Equal(["eu.a"], (await SubscriptionAsync(connection)).UserIds);
        await TellAsync(connection, "eu.a", "online", "web");
        await answered.WaitAsync(Patience);
        await connection.CloseAsync(CloseCodes.Draining, "10");

        connection = await server.AcceptSyncedAsync();
        Assert.Equal(["eu.a"], (await SubscriptionAsync(connection)).UserIds);
    }

    [Theory]
    [InlineData("rate_limited")]
    [InlineData("busy")]
    [InlineData("retry")]
    public async Task Subscribe_RefusedForNow_IsSaidAgain(string code)
    {
        var connection = await LiveAsync();
        var answered = client.SubscribePresenceAsync(["eu.a"]);
        var (request, _) = await SubscriptionAsync(connection);
        await connection.SendAsync("error", new { code, message = "not now", retryAfter = 20 }, request);
        await SubscriptionAsync(connection);
        await TellAsync(connection, "eu.a", "offline");
        await answered.WaitAsync(Patience);
    }

    [Fact]
    public async Task Subscribe_RefusedForGood_FailsAndStrangersAreToldOf()
    {
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        var connection = await LiveAsync();
        var refused = client.SubscribePresenceAsync(["nobody"]);
        await connection.SendAsync("error", new { code = "bad_request", message = "no id" }, (await SubscriptionAsync(connection)).Request);
        Assert.Equal("bad_request", (await Assert.ThrowsAsync<PresenceRefusedException>(() => refused.WaitAsync(Patience))).Code);

        var denied = client.SubscribePresenceAsync(["eu.a"]);
        var (request, _) = await SubscriptionAsync(connection);
        await TellAsync(connection, "eu.a", "offline");
        await connection.SendAsync("error", new { code = "forbidden", message = "1" }, request);
        await denied.WaitAsync(Patience);
        Assert.Equal("forbidden", (await events.NextAsync<ServerComplained>()).Code);
        Assert.Throws<ArgumentException>(() => { _ = client.SubscribePresenceAsync([.. Enumerable.Range(0, ProtocolLimits.MaxPresenceUsers + 1).Select(i => $"eu.{i}")]); });
    }

    [Fact]
    public async Task Away_IsSaidAtOnceWithEveryHeartbeatAndAfterAReconnect()
    {
        var connection = await LiveAsync();
        await client.SetAwayAsync();
        Assert.Equal("away", await FirstOtherStatusAsync(connection, null));
        Assert.Equal("away", (string?)(await connection.ReceiveAsync("heartbeat"))["payload"]!["status"]);
        connection.Abort();

        connection = await server.AcceptSyncedAsync();
        Assert.Equal("away", (string?)(await connection.ReceiveAsync("heartbeat"))["payload"]!["status"]);
        await client.SetAwayAsync(false);
        Assert.Null(await FirstOtherStatusAsync(connection, "away"));
    }

    [Fact]
    public async Task Typing_SaidOnEveryKeyStroke_IsSentNowAndThen()
    {
        await client.SendTypingAsync(ClientFixture.Channel); // not connected: dropped
        var connection = await LiveAsync();
        for (var i = 0; i < 50; i++) await client.SendTypingAsync(ClientFixture.Channel);
        await client.SendTypingAsync(ClientFixture.Channel, typing: false);
        await client.SendTypingAsync(ClientFixture.Channel, typing: false);
        client.Send(ClientFixture.Channel, "done");
        var typing = await connection.ReceiveAsync("typing");
        Assert.Equal((ClientFixture.Channel, true), ((string)typing["payload"]!["channelId"]!, (bool)typing["payload"]!["typing"]!));
        Assert.False((bool)(await connection.ReceiveAsync("typing"))["payload"]!["typing"]!);
        await connection.ReceiveAsync("chat_message");
    }

    [Fact]
    public async Task Typing_OfOthers_EndsByWordByMessageByTimeAndWithTheConnection()
    {
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        var connection = await LiveAsync();
        Task SayAsync(string userId, bool typing = true) => connection.SendAsync("typing", new { channelId = ClientFixture.Channel, userId, typing });

        await SayAsync("eu.a");
        await SayAsync("eu.a"); // goes on
        await SayAsync("eu.b");
        Assert.Equal(new TypingChanged(ClientFixture.Channel, "eu.a", true), await events.NextAsync<TypingChanged>());
        Assert.Equal(new TypingChanged(ClientFixture.Channel, "eu.b", true), await events.NextAsync<TypingChanged>());
        Assert.Equal(["eu.a", "eu.b"], client.TypingIn(ClientFixture.Channel));
        await SayAsync("eu.a", typing: false);
        Assert.Equal(new TypingChanged(ClientFixture.Channel, "eu.a", false), await events.NextAsync<TypingChanged>());
        await connection.SendMessageAsync(ClientFixture.Channel, ClientFixture.Id(1), "hello", "1.0.1", sender: "eu.b");
        Assert.Equal(new TypingChanged(ClientFixture.Channel, "eu.b", false), await events.NextAsync<TypingChanged>());

        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        await SayAsync("eu.c");
        await events.NextAsync<TypingChanged>();
        Assert.Equal(new TypingChanged(ClientFixture.Channel, "eu.c", false), await events.NextAsync<TypingChanged>());
        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(began), TimeSpan.FromSeconds(5), Patience);

        await SayAsync("eu.d");
        await events.NextAsync<TypingChanged>();
        connection.Abort();
        Assert.Equal(new TypingChanged(ClientFixture.Channel, "eu.d", false), await events.NextAsync<TypingChanged>());
    }

    [Theory]
    [InlineData("presence", "{\"status\":\"online\"}")]
    [InlineData("presence", "7")]
    [InlineData("typing", "{\"typing\":true}")]
    [InlineData("typing", "{\"channelId\":\"c\",\"userId\":\"u\",\"typing\":\"yes\"}")]
    public async Task Frame_OfTheServerThatMakesNoSense_EndsTheConnectionAndTheClientComesBack(string type, string payload)
    {
        var connection = await LiveAsync();
        await connection.SendRawAsync($"{{\"type\":\"{type}\",\"payload\":{payload},\"timestamp\":1}}");
        await server.AcceptSyncedAsync();
    }

    /// <summary>The status of the first heartbeat that has another one; null is none.</summary>
    private static async Task<string?> FirstOtherStatusAsync(ScriptedConnection connection, string? than)
    {
        while (true)
        {
            var status = (string?)(await connection.ReceiveAsync("heartbeat"))["payload"]!["status"];
            if (status != than) return status;
        }
    }
}
