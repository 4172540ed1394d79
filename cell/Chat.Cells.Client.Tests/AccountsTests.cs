using System.Net;
using System.Net.Sockets;
using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Tests.Servers;
using Chat.Cells.Protocol;
using Microsoft.AspNetCore.Http;
using static Chat.Cells.Client.Tests.Servers.ClientFixture;

namespace Chat.Cells.Client.Tests;

public sealed class AccountsTests
{
    private static readonly DeviceInfo Device = new("Laptop", "desktop");

    [Fact]
    public async Task LogIn_HandleOfAnotherCell_FollowsTheRedirectWithItsBody()
    {
        await using var server = await ScriptedServer.StartAsync();
        var bodies = new List<string>();
        server.Http = async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            bodies.Add(await reader.ReadToEndAsync());
            if (context.Request.Path == "/v1/handles/me@eu/sessions")
            {
                context.Response.StatusCode = 307;
                context.Response.Headers.Location = $"/v1/users/{User}/sessions";
                return;
            }
            await WriteSessionAsync(context);
        };
        using var http = ChatClient.NewHttpClient();
        var session = await new ChatAccounts(http, server.Url).LogInAsync("me@eu", "correct horse", Device, default);
        Assert.Equal(User, session.UserId);
        Assert.Equal(2, bodies.Count);
        Assert.Equal(bodies[0], bodies[1]);
        Assert.Contains("correct horse", bodies[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task LogIn_RedirectToAnotherOrigin_DoesNotCarryThePasswordThere()
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var thief = await ScriptedServer.StartAsync();
        var stolen = false;
        thief.Http = context =>
        {
            stolen = true;
            return WriteSessionAsync(context);
        };
        server.Http = context =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = new Uri(thief.Url, "/v1/users/x/sessions").ToString();
            return Task.CompletedTask;
        };
        using var http = ChatClient.NewHttpClient();
        await Assert.ThrowsAsync<ChatApiException>(() => new ChatAccounts(http, server.Url).LogInAsync("me@eu", "correct horse", Device, default));
        Assert.False(stolen);
    }

    [Fact]
    public async Task LogIn_ConnectionResetAtOnce_IsTriedAgainWithAnyClient()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Http = WriteSessionAsync;
        using var http = new HttpClient(new ResetsFirst());
        var session = await new ChatAccounts(http, server.Url).LogInAsync("me@eu", "correct horse", Device, default);
        Assert.Equal(User, session.UserId);
    }

    [Fact]
    public async Task SignUp_ConnectionResetAtOnce_ThrowsAsForAnyServerThatIsNotThere()
    {
        using var http = new HttpClient(new ResetsFirst());
        var e = await Assert.ThrowsAsync<HttpRequestException>(() => new ChatAccounts(http, new Uri("http://127.0.0.1:1")).SignUpAsync("eu", "me", "correct horse", "Me", Device, default));
        Assert.Equal(HttpRequestError.ConnectionError, e.HttpRequestError);
    }

    [Fact]
    public async Task SignUp_HandleTaken_ThrowsWithTheCode()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Http = context =>
        {
            context.Response.StatusCode = 409;
            context.Response.ContentType = "application/problem+json";
            return context.Response.WriteAsync("""{"type":"about:blank","title":"Taken","status":409,"code":"handle_taken","detail":"Choose another."}""");
        };
        using var http = ChatClient.NewHttpClient();
        var e = await Assert.ThrowsAsync<ChatApiException>(() => new ChatAccounts(http, server.Url).SignUpAsync("eu", "anna", "password1", "Anna", Device, default));
        Assert.Equal(ErrorCodes.HandleTaken, e.Code);
        Assert.Equal(HttpStatusCode.Conflict, e.Status);
    }

    [Fact]
    public async Task Api_ServerUnavailableForAWhile_IsAskedAgain()
    {
        await using var server = await ScriptedServer.StartAsync();
        var asked = 0;
        server.Http = context =>
        {
            if (asked++ < 2)
            {
                context.Response.StatusCode = 503;
                return context.Response.WriteAsync("""{"code":"cell_unavailable","retryAfter":20}""");
            }
            return context.Response.WriteAsync("""{"userId":"eu.other","handle":"o@eu","displayName":"O"}""");
        };
        await using var client = new ChatClient(NewSession(), Options(server));
        Assert.Equal("O", (await client.Api.GetUserAsync("eu.other", default)).DisplayName);
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task Api_TokenExpired_IsRenewedOnceForManyCallers()
    {
        await using var server = await ScriptedServer.StartAsync();
        var renewals = 0;
        server.Http = async context =>
        {
            if (context.Request.Method == "POST")
            {
                Interlocked.Increment(ref renewals);
                await ReconnectTests.RenewAsync(context, "token-2", TimeSpan.FromHours(1));
            }
            else if (context.Request.Headers.Authorization != "Bearer token-2")
            {
                context.Response.StatusCode = 401;
            }
            else
            {
                await context.Response.WriteAsync("""{"userId":"eu.other","handle":"o@eu","displayName":"O"}""");
            }
        };
        await using var client = new ChatClient(NewSession(), Options(server));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => client.Api.GetUserAsync("eu.other", default)));
        Assert.Equal(1, renewals);
    }

    [Fact]
    public void Session_AsText_HoldsNoSecrets()
    {
        var text = NewSession("secret-token").ToString();
        Assert.DoesNotContain("secret-token", text, StringComparison.Ordinal);
        Assert.DoesNotContain("refresh-1", text, StringComparison.Ordinal);
    }

    private static Task WriteSessionAsync(HttpContext context) => context.Response.WriteAsync(
        $$"""{"userId":"{{User}}","handle":"me@eu","displayName":"Me","deviceId":"device-1","accessToken":"a","expiresAt":4102444800000,"refreshToken":"r"}""");

    /// <summary>What SocketsHttpHandler does with a connection that is reset the moment it is made.</summary>
    private sealed class ResetsFirst() : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        private bool done;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (done) return await base.SendAsync(request, cancellationToken);
            done = true;
            throw new SocketException((int)SocketError.NotConnected);
        }
    }
}
