using System.Text;
using System.Text.RegularExpressions;
using Chat.Cells.Topology;

namespace Chat.Cells.Router.Tests;

public sealed class ForwardingTests : IAsyncLifetime
{
    private static readonly string Anna = RouterCluster.UserOf("eu-west-1");
    private static readonly string Bob = RouterCluster.UserOf("us-east-1");

    private RouterCluster cluster = null!;

    public async Task InitializeAsync() => cluster = await RouterCluster.StartAsync();

    public async Task DisposeAsync() => await cluster.DisposeAsync();

    [Fact]
    public async Task Caller_WithToken_GoesHome()
    {
        Assert.Equal("eu-west-1 GET /v1/me 0", (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Body);
        Assert.Equal("us-east-1 GET /v1/me 0", (await cluster.GetAsync("/v1/me", cluster.TokenOf(Bob))).Body);
    }

    [Fact]
    public async Task User_InThePath_GoesToThatUsersHome()
    {
        Assert.Equal($"us-east-1 GET /v1/users/{Bob} 0", (await cluster.GetAsync($"/v1/users/{Bob}", cluster.TokenOf(Anna))).Body);
        Assert.Equal($"us-east-1 POST /v1/users/{Bob}/tokens 0", (await cluster.SendAsync(HttpMethod.Post, $"/v1/users/{Bob}/tokens")).Body);
        Assert.Equal($"us-east-1 POST /v1/users/{Bob}/sessions 0", (await cluster.SendAsync(HttpMethod.Post, $"/v1/users/{Bob}/sessions")).Body);
    }

    [Fact]
    public async Task Handle_InThePath_GoesToItsShard()
    {
        foreach (var name in new[] { "anna", "bob", "carol", "dave", "erin" })
        {
            var cell = Handle.ShardOf(name) < 128 ? "eu-west-1" : "eu-west-2";
            Assert.StartsWith($"{cell} POST", (await cluster.SendAsync(HttpMethod.Post, $"/v1/handles/{name.ToUpperInvariant()}%40eu-west/sessions")).Body, StringComparison.Ordinal);
            Assert.StartsWith("us-east-1 GET", (await cluster.GetAsync($"/v1/handles/{name}@us-east", cluster.TokenOf(Anna))).Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task SignUp_GoesToTheRegionByWeight()
    {
        // eu-west-2 has weight 0.
        for (var i = 0; i < 10; i++) Assert.StartsWith("eu-west-1 POST", (await cluster.SendAsync(HttpMethod.Post, "/v1/regions/eu-west/accounts")).Body, StringComparison.Ordinal);
        cluster.WriteMap(c => c with { State = c.Name == "eu-west-1" ? CellState.Draining : c.State, Weight = 1 });
        await Poll.UntilAsync(async () => (await cluster.SendAsync(HttpMethod.Post, "/v1/regions/eu-west/accounts")).Body.StartsWith("eu-west-2", StringComparison.Ordinal));
        // Draining takes no new users and serves the old.
        Assert.StartsWith("eu-west-1", (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SignUp_UnknownRegion_IsNotFoundAndNamesTheRegions()
    {
        var answer = await cluster.SendAsync(HttpMethod.Post, "/v1/regions/mars/accounts");
        Assert.Equal((404, "not_found"), (answer.Status, answer.Code));
        Assert.Contains("eu-west, us-east", answer.Body);
    }

    [Fact]
    public async Task Retired_Cell_GoesToItsSuccessor()
    {
        var version = cluster.WriteMap(c => c.Name == "eu-west-1" ? c with { Successor = "eu-west-2" } : c);
        await Poll.UntilAsync(async () => await cluster.MapVersionAsync() == version);
        Assert.StartsWith("eu-west-2", (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Request_GoesThroughUnchanged()
    {
        var answer = await cluster.SendAsync(HttpMethod.Post, "/v1/channels/d.x/messages?before=a%26b&limit=2", cluster.TokenOf(Anna), r =>
        {
            r.Content = new StringContent(new string('x', 100_000), Encoding.UTF8, "application/json");
            r.Headers.Add("X-Custom", "kept");
        });
        Assert.Equal("eu-west-1 POST /v1/channels/d.x/messages?before=a%26b&limit=2 100000", answer.Body);
        Assert.Equal("eu-west-1", answer.Headers["X-Cell"]);
        var request = Assert.Single(cluster.Cells["eu-west-1"].Requests);
        Assert.Equal("kept", request.Headers["X-Custom"]);
        Assert.Equal($"Bearer {cluster.TokenOf(Anna)}"[..20], request.Headers["Authorization"][..20]);
        Assert.Equal(cluster.Router.PublicUrl.Authority, request.Headers["Host"]);
    }

    [Fact]
    public async Task Redirect_OfACell_ReachesTheClient()
    {
        var answer = await cluster.SendAsync(HttpMethod.Post, "/v1/x/moved", cluster.TokenOf(Anna));
        Assert.Equal((307, "/v1/users/elsewhere"), (answer.Status, answer.Headers["Location"]));
    }

    [Fact]
    public async Task IdentityHeaders_OfAClient_NeverArrive()
    {
        await cluster.SendAsync(HttpMethod.Get, "/v1/me", cluster.TokenOf(Anna), r =>
        {
            r.Headers.Add("X-User-Id", Bob);
            r.Headers.Add("x-user", Bob);
            r.Headers.Add("X-Chat-Cell", "us-east-1");
            r.Headers.Add("X-Forwarded-For", "8.8.8.8");
            r.Headers.Add("X-Forwarded-Host", "evil.example");
            r.Headers.Add("X-Forwarded-User", Bob);
            r.Headers.Add("X-Remote-User", Bob);
            r.Headers.Add("X-Real-IP", "8.8.8.8");
            r.Headers.Add("Forwarded", "for=8.8.8.8");
        });
        var headers = Assert.Single(cluster.Cells["eu-west-1"].Requests).Headers;
        Assert.DoesNotContain(headers.Keys, k => k.StartsWith("X-User", StringComparison.OrdinalIgnoreCase) || k.StartsWith("X-Chat", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("Forwarded", headers.Keys);
        Assert.DoesNotContain("X-Real-IP", headers.Keys);
        Assert.DoesNotContain(headers.Values, v => v.Contains(Bob, StringComparison.Ordinal));
        Assert.Equal("127.0.0.1", headers["X-Forwarded-For"]);
        Assert.Equal("http", headers["X-Forwarded-Proto"]);
        Assert.Equal(cluster.Router.PublicUrl.Authority, headers["X-Forwarded-Host"]);
    }

    [Theory]
    [InlineData("/v1/users/nobody")]
    [InlineData("/v1/users/eu-west-1.short")]
    [InlineData("/v1/users/eu-west-1%2500.01JD0000000000000000000001")]
    [InlineData("/v1/handles/nobody")]
    [InlineData("/v1/handles/anna@mars")]
    [InlineData("/v1/handles/a b@eu-west")]
    [InlineData("/v1/users/")]
    public async Task Subject_ThatIsNone_IsNotFound(string path)
    {
        var answer = await cluster.GetAsync(path, cluster.TokenOf(Anna));
        Assert.Equal((404, "not_found"), (answer.Status, answer.Code));
    }

    [Theory]
    [InlineData("/v1/x/%2e%2e/users/{bob}", "us-east-1")]
    [InlineData("/v1/x/../users/{bob}", "us-east-1")]
    [InlineData("/v1/x/%252e%252e/users/{bob}", "eu-west-1")]
    [InlineData("/v1/x%2f..%2fusers%2f{bob}", "eu-west-1")]
    [InlineData("/v1/x/..%5cusers/{bob}", "eu-west-1")]
    [InlineData("/v1//users/{bob}", "eu-west-1")]
    public async Task Path_WithDisguisedSegments_IsTheSameForRouterAndCell(string path, string cell)
    {
        var answer = await SendRawAsync(path.Replace("{bob}", Bob, StringComparison.Ordinal));
        Assert.Contains("200 OK", answer, StringComparison.Ordinal);
        // Whoever gets it sees the path by which it was chosen: of the caller's own cell anything else than /v1/users/…
        var request = Assert.Single(cluster.Cells[cell].Requests);
        Assert.Equal(cell == "us-east-1", request.Path.StartsWith("/v1/users/", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")]
    [InlineData("Transfer-Encoding: chunked, identity\r\n")]
    [InlineData("Content-Length: 5\r\nContent-Length: 6\r\n")]
    public async Task Body_OfTwoLengths_HidesNoSecondRequest(string headers)
    {
        await SendRawAsync("/v1/x", headers, "0\r\n\r\nGET /v1/hidden HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        Assert.DoesNotContain(cluster.Cells["eu-west-1"].Requests, r => r.Path.Contains("hidden", StringComparison.Ordinal));
    }

    private async Task<string> SendRawAsync(string path, string headers = "", string body = "")
    {
        using var client = new System.Net.Sockets.TcpClient();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await client.ConnectAsync(cluster.Router.PublicUrl.Host, cluster.Router.PublicUrl.Port, limit.Token);
        var stream = client.GetStream();
        var method = body.Length == 0 ? "GET" : "POST";
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{method} {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {cluster.TokenOf(Anna)}\r\n{headers}{(body.Length == 0 ? "Connection: close\r\n" : "")}\r\n{body}"), limit.Token);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadToEndAsync(limit.Token);
    }

    [Fact]
    public async Task Cell_OutsideTheMap_IsUnavailable()
    {
        var answer = await cluster.SendAsync(HttpMethod.Post, $"/v1/users/{RouterCluster.UserOf("mars-1")}/sessions");
        Assert.Equal((503, "cell_unavailable"), (answer.Status, answer.Code));
        Assert.InRange(int.Parse(answer.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 1, 3);
        Assert.Equal("application/problem+json", answer.Headers["Content-Type"]);
    }

    [Fact]
    public async Task Cells_AreListedByTheRouter()
    {
        var answer = await cluster.GetAsync("/v1/cells");
        Assert.Equal(
            """{"version":1,"cells":[{"name":"eu-west-1","region":"eu-west","state":"Active","healthy":true},{"name":"eu-west-2","region":"eu-west","state":"Active","healthy":true},{"name":"us-east-1","region":"us-east","state":"Active","healthy":true}]}""",
            answer.Body);
        Assert.Equal("no-store", answer.Headers["Cache-Control"]);
    }

    [Fact]
    public async Task OpenApi_IsAnsweredByAnyCell() => Assert.Equal("eu-west-1 GET /v1/openapi.json 0", (await cluster.GetAsync("/v1/openapi.json")).Body);

    [Fact]
    public async Task Token_MissingOrBad_IsUnauthorized()
    {
        var now = TimeProvider.System.GetUtcNow();
        foreach (var token in new[] { null, "", "x", "a.b.c", cluster.TokenOf(Anna)[..^10], cluster.TokenOf(Anna, signedBy: "us-east-1"), cluster.SignClaims("eu-west-1", TokenMint.Claims(Anna, now.AddHours(-1))) })
        {
            var answer = await cluster.GetAsync("/v1/me", token);
            Assert.Equal((401, "unauthorized"), (answer.Status, answer.Code));
            Assert.Contains("Bearer", answer.Headers["WWW-Authenticate"]);
        }
        var query = await cluster.GetAsync($"/v1/me?access_token={cluster.TokenOf(Anna)}");
        Assert.Equal(401, query.Status);
        var two = await cluster.SendAsync(HttpMethod.Get, "/v1/me", change: r => r.Headers.TryAddWithoutValidation("Authorization", ["Bearer x", $"Bearer {cluster.TokenOf(Anna)}"]));
        Assert.Equal(401, two.Status);
        Assert.Empty(cluster.Cells["eu-west-1"].Requests);
    }

    [Fact]
    public async Task Body_OverTheLimit_IsRefused()
    {
        var known = await cluster.SendAsync(HttpMethod.Post, "/v1/x", cluster.TokenOf(Anna), r => r.Content = new ByteArrayContent(new byte[300_000]));
        Assert.Equal((413, "too_large", "close"), (known.Status, known.Code, known.Headers["Connection"]));
        var chunked = await cluster.SendAsync(HttpMethod.Post, "/v1/x", cluster.TokenOf(Anna), r =>
        {
            r.Content = new ByteArrayContent(new byte[300_000]);
            r.Headers.TransferEncodingChunked = true;
        });
        Assert.Equal((413, "too_large", "close"), (chunked.Status, chunked.Code, chunked.Headers["Connection"]));
        Assert.Equal(200, (await cluster.SendAsync(HttpMethod.Post, "/v1/x", cluster.TokenOf(Anna), r => r.Content = new ByteArrayContent(new byte[262_144]))).Status);
    }

    [Fact]
    public async Task Logs_NeverHoldCredentials()
    {
        var token = cluster.TokenOf(Anna);
        await cluster.GetAsync($"/v1/me?secret=in-the-query", token);
        await cluster.GetAsync("/v1/me?secret=in-the-query", token[..^4]);
        using (await cluster.ConnectAsync(ticket: $"{Anna}.the-ticket-secret"))
        {
        }
        await cluster.Cells["eu-west-1"].StopAsync();
        await cluster.GetAsync("/v1/me?secret=in-the-query", token);
        await Poll.UntilAsync(() => cluster.Logs.All.Contains("eu-west-1 is down", StringComparison.Ordinal));
        foreach (var secret in new[] { token[..^4], token.Split('.')[2], "in-the-query", "the-ticket-secret" }) Assert.DoesNotContain(secret, cluster.Logs.All);
    }

    [Fact]
    public async Task Metrics_CountWhatPassed()
    {
        await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna));
        await cluster.GetAsync("/v1/me");
        using var socket = await cluster.ConnectAsync(cluster.TokenOf(Anna));
        using var http = new HttpClient { BaseAddress = cluster.Router.InternalUrl };
        // What is counted when it has ended, or has been answered, is counted a moment after its client knows.
        string[] counted =
        [
            """chat_cells_router_requests_total\{[^}]*cell="eu-west-1"[^}]*\} [1-9]""",
            """chat_cells_router_refusals_total\{[^}]*code="unauthorized"[^}]*\} [1-9]""",
            """chat_cells_router_sockets\{[^}]*cell="eu-west-1"[^}]*\} [1-9]""",
        ];
        var text = string.Empty;
        await Poll.UntilAsync(async () =>
        {
            text = await http.GetStringAsync("/metrics");
            return counted.All(pattern => Regex.IsMatch(text, pattern, RegexOptions.None, RouterCluster.Patience));
        });
        Assert.Contains("chat_cells_router_map_version", text);
        Assert.Contains("chat_cells_router_cell_up", text);
    }
}
