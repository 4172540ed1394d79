using System.Globalization;
using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Connections;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Sync;
using Chat.Cells.Client.Tests.Servers;
using Chat.Cells.Protocol;
using Microsoft.AspNetCore.Http;
using static Chat.Cells.Client.Tests.Servers.ClientFixture;

namespace Chat.Cells.Client.Tests;

public sealed class ReconnectTests
{
    [Fact]
    public async Task Start_FirstConnection_SendsBearerTokenAndSyncFirst()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Send(Channel, "queued before the connection");
        client.Start();
        var connection = await server.AcceptAsync();
        Assert.Equal("Bearer token-1", connection.Authorization);
        var sync = await connection.ReceiveAsync(FrameTypes.Sync);
        Assert.True(sync["payload"]!.AsObject().ContainsKey("cursor"));
        Assert.Null(sync["payload"]!["cursor"]);
        await connection.ReceiveAsync(FrameTypes.ChatMessage);
    }

    [Fact]
    public async Task Connection_Breaks_ResumesByCursor()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await first.SendMessageAsync(Channel, Id(1), "one", "1.0.7");
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == 1, "the message is shown");
        first.Abort();
        var second = await server.AcceptAsync();
        var sync = await second.ReceiveAsync(FrameTypes.Sync);
        Assert.Equal("1.0.7", (string?)sync["payload"]!["cursor"]);
    }

    [Fact]
    public async Task Close_TooSlow_ConnectsAgain()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptSyncedAsync("1.0.3");
        await client.WaitUntilLiveAsync(default);
        await first.CloseAsync(CloseCodes.TooSlow, "too slow");
        var sync = await (await server.AcceptAsync()).ReceiveAsync(FrameTypes.Sync);
        Assert.Equal("1.0.3", (string?)sync["payload"]!["cursor"]);
    }

    [Fact]
    public async Task Close_Draining_WaitsAsLongAsTheServerSays()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await first.CloseAsync(CloseCodes.Draining, "345");
        var end = await events.NextEndAsync();
        Assert.Equal(CloseCodes.Draining, end.End!.CloseCode);
        Assert.Equal(TimeSpan.FromMilliseconds(345), end.Wait);
        await server.AcceptSyncedAsync();
    }

    [Fact]
    public async Task Close_DrainingWithoutDelay_BacksOff()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        await (await server.AcceptSyncedAsync()).CloseAsync(CloseCodes.Draining, "soon");
        Assert.InRange((await events.NextEndAsync()).Wait!.Value, TimeSpan.Zero, TimeSpan.FromMilliseconds(200));
        await server.AcceptSyncedAsync();
    }

    [Fact]
    public async Task Close_Moved_RaisesMovedAndConnectsToTheNewHome()
    {
        await using var oldHome = await ScriptedServer.StartAsync();
        await using var newHome = await ScriptedServer.StartAsync();
        var options = Options(oldHome) with { ResolveHome = home => home == "us-east-1" ? newHome.Url : null };
        await using var client = new ChatClient(NewSession(), options);
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        await (await oldHome.AcceptSyncedAsync()).CloseAsync(CloseCodes.Moved, "us-east-1");
        Assert.Equal("us-east-1", (await events.NextAsync<Moved>()).Home);
        await newHome.AcceptSyncedAsync();
    }

    [Fact]
    public async Task Handshake_503WithRetryAfter_WaitsAtLeastThatLong()
    {
        await using var server = await ScriptedServer.StartAsync();
        var refused = 0;
        server.Handshake = context =>
        {
            if (refused++ > 0) return false;
            context.Response.StatusCode = 503;
            context.Response.Headers.RetryAfter = "1";
            return true;
        };
        await using var client = new ChatClient(NewSession(), Options(server));
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var end = await events.NextEndAsync();
        Assert.Equal(503, (int)end.End!.Status!.Value);
        Assert.InRange(end.Wait!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1.3));
        await server.AcceptSyncedAsync();
    }

    [Fact]
    public async Task Close_Unauthorized_RenewsTheTokenThenReconnects()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Http = context => RenewAsync(context, "token-2", TimeSpan.FromHours(1));
        await using var client = new ChatClient(NewSession(), Options(server));
        Session? renewed = null;
        client.SessionRenewed += session => renewed = session;
        client.Start();
        await (await server.AcceptSyncedAsync()).CloseAsync(CloseCodes.Unauthorized, "expired");
        var second = await server.AcceptSyncedAsync();
        Assert.Equal("Bearer token-2", second.Authorization);
        Assert.Equal("refresh-token-2", renewed!.RefreshToken);
    }

    [Fact]
    public async Task Handshake_401_RenewsTheToken()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Http = context => RenewAsync(context, "token-2", TimeSpan.FromHours(1));
        server.Handshake = context =>
        {
            if (context.Request.Headers.Authorization == "Bearer token-2") return false;
            context.Response.StatusCode = 401;
            return true;
        };
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        Assert.Equal("Bearer token-2", (await server.AcceptSyncedAsync()).Authorization);
    }

    private sealed class LateCursorStore : ICursorStore
    {
        private int asked;

        public ValueTask<string?> LoadAsync(CancellationToken cancellationToken) =>
            ++asked == 1 ? throw new UnauthorizedAccessException("the disk is locked") : ValueTask.FromResult<string?>("1.0.7");

        public ValueTask SaveAsync(string cursor, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Cursor_CantBeReadAtFirst_IsReadAgain()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { CursorStore = new LateCursorStore() });
        client.Start();
        var connection = await server.AcceptAsync();
        Assert.Equal("1.0.7", (string?)(await connection.ReceiveAsync(FrameTypes.Sync))["payload"]!["cursor"]);
    }

    [Fact]
    public async Task Renewal_AnsweredBySomethingElse_IsTriedAgain()
    {
        await using var server = await ScriptedServer.StartAsync();
        var asked = 0;
        server.Http = context => Interlocked.Increment(ref asked) == 1 ? context.Response.WriteAsync("<html>Accept the terms of this network</html>") : RenewAsync(context, "token-2", TimeSpan.FromHours(1));
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        await (await server.AcceptSyncedAsync()).CloseAsync(CloseCodes.Unauthorized, "expired");
        Assert.Equal("Bearer token-2", (await server.AcceptSyncedAsync()).Authorization);
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task Renewal_ApplicationFailsToKeepIt_ConnectsAllTheSame()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Http = context => RenewAsync(context, "token-2", TimeSpan.FromHours(1));
        await using var client = new ChatClient(NewSession(), Options(server));
        client.SessionRenewed += _ => throw new InvalidOperationException("no place to keep it");
        client.Start();
        await (await server.AcceptSyncedAsync()).CloseAsync(CloseCodes.Unauthorized, "expired");
        Assert.Equal("Bearer token-2", (await server.AcceptSyncedAsync()).Authorization);
    }

    [Fact]
    public async Task Renewal_Refused_SignsOutAndFailsWhatWaits()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Http = context =>
        {
            context.Response.StatusCode = 401;
            return Task.CompletedTask;
        };
        await using var client = new ChatClient(NewSession(), Options(server));
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await client.WaitUntilLiveAsync(default);
        var send = client.Send(Channel, "hello");
        await first.CloseAsync(CloseCodes.Unauthorized, "revoked");
        Assert.Equal(ErrorCodes.Unauthorized, (await send.Outcome.WaitAsync(TimeSpan.FromSeconds(30))).ErrorCode);
        Assert.Equal(ConnectionState.SignedOut, client.State);
        await Assert.ThrowsAsync<SessionEndedException>(() => client.WaitUntilLiveAsync(default).WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task Token_NearItsEnd_IsRenewedOverTheOpenSocket()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Http = context => RenewAsync(context, "token-2", TimeSpan.FromHours(1));
        await using var client = new ChatClient(NewSession(life: TimeSpan.FromSeconds(12)), Options(server));
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        var auth = await connection.ReceiveAsync(FrameTypes.Auth);
        Assert.Equal("token-2", (string?)auth["payload"]!["token"]);
        Assert.Equal(1, client.Connection);
    }

    [Fact]
    public async Task Server_Silent_IsDroppedAndConnectedAnew()
    {
        await using var server = await ScriptedServer.StartAsync();
        var options = Options(server) with { HeartbeatInterval = TimeSpan.FromMilliseconds(50), ServerSilence = TimeSpan.FromSeconds(2) };
        await using var client = new ChatClient(NewSession(), options);
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await first.ReceiveAsync(FrameTypes.Heartbeat);
        Assert.True(await first.EndsAsync());
        await server.AcceptAsync();
    }

    [Fact]
    public async Task Server_Refuses_BackoffDoublesToTheCap()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Handshake = context =>
        {
            context.Response.StatusCode = 500;
            return true;
        };
        var options = Options(server) with { ReconnectBase = TimeSpan.FromMilliseconds(10), ReconnectCap = TimeSpan.FromMilliseconds(60), Jitter = () => 1 };
        await using var client = new ChatClient(NewSession(), options);
        using var subscription = client.Subscribe();
        await using var events = subscription.GetAsyncEnumerator();
        client.Start();
        var waits = new List<double>();
        while (waits.Count < 5) waits.Add((await events.NextEndAsync()).Wait!.Value.TotalMilliseconds);
        Assert.Equal([10, 20, 40, 60, 60], waits);
    }

    [Fact]
    public void Backoff_DefaultTimes_DoubleFromOneToThirtySecondsBetweenHalfAndAll()
    {
        var backoff = new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        double[] ceilings = [1, 2, 4, 8, 16, 30, 30];
        for (var i = 0; i < ceilings.Length; i++) Assert.Equal(ceilings[i], backoff.Ceiling(i).TotalSeconds);
        Assert.Equal(30, backoff.Ceiling(1_000).TotalSeconds);
        var samples = Enumerable.Range(0, 200).Select(_ => new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30)).Next().TotalSeconds).ToArray();
        Assert.All(samples, s => Assert.InRange(s, 0.5, 1));
        Assert.True(samples.Min() < 0.6 && samples.Max() > 0.9, "Waits are spread over the range.");
    }

    internal static async Task RenewAsync(HttpContext context, string token, TimeSpan life)
    {
        if (context.Request.Path != $"/v1/users/{User}/tokens")
        {
            context.Response.StatusCode = 404;
            return;
        }
        var expires = DateTimeOffset.UtcNow.Add(life).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(
            $$"""{"userId":"{{User}}","handle":"me@eu","displayName":"Me","deviceId":"device-1","accessToken":"{{token}}","expiresAt":{{expires}},"refreshToken":"refresh-{{token}}"}""");
    }
}
