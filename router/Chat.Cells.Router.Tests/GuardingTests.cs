using System.Net;
using Chat.Cells.Router.Guarding;

namespace Chat.Cells.Router.Tests;

public sealed class GuardingTests
{
    private static readonly string Anna = RouterCluster.UserOf("eu-west-1");

    [Fact]
    public async Task Origin_ForeignOrMalformed_IsRefused()
    {
        await using var cluster = await RouterCluster.StartAsync(Allow);
        foreach (var origin in new[] { "https://evil.example", "null", "", "https://app.example.evil", "http://app.example", $"https://{cluster.Router.PublicUrl.Authority}", $"http://evil{cluster.Router.PublicUrl.Authority}" })
        {
            var answer = await WithOriginAsync(cluster, origin);
            Assert.Equal((403, "forbidden"), (answer.Status, answer.Code));
            Assert.DoesNotContain("Access-Control-Allow-Origin", answer.Headers.Keys);
        }
        Assert.Empty(cluster.Cells["eu-west-1"].Requests);
    }

    [Fact]
    public async Task Origin_OwnOrAllowed_Passes()
    {
        await using var cluster = await RouterCluster.StartAsync(Allow);
        var own = await WithOriginAsync(cluster, $"http://{cluster.Router.PublicUrl.Authority}");
        Assert.Equal(200, own.Status);
        // The cell's own "*" never gets through.
        Assert.DoesNotContain("Access-Control-Allow-Origin", own.Headers.Keys);
        var allowed = await WithOriginAsync(cluster, "https://app.example");
        Assert.Equal(200, allowed.Status);
        Assert.Equal("https://app.example", allowed.Headers["Access-Control-Allow-Origin"]);
        Assert.Contains("Origin", allowed.Headers["Vary"]);
        using var socket = await cluster.ConnectAsync(cluster.TokenOf(Anna), origin: "https://app.example");
    }

    [Fact]
    public async Task Preflight_OfAnAllowedOrigin_IsAnswered()
    {
        await using var cluster = await RouterCluster.StartAsync(Allow);
        var answer = await cluster.SendAsync(HttpMethod.Options, "/v1/me", change: r =>
        {
            r.Headers.Add("Origin", "https://app.example");
            r.Headers.Add("Access-Control-Request-Method", "PUT");
        });
        Assert.Equal(204, answer.Status);
        Assert.Contains("PUT", answer.Headers["Access-Control-Allow-Methods"]);
        Assert.Contains("authorization", answer.Headers["Access-Control-Allow-Headers"]);
        Assert.Equal("https://app.example", answer.Headers["Access-Control-Allow-Origin"]);
    }

    [Fact]
    public async Task SignUps_OverTheLimit_AreRefusedAndLogInsAreNot()
    {
        await using var cluster = await RouterCluster.StartAsync(o => o with { SignUpsPerMinute = 6, LogInsPerMinute = 0 });
        var statuses = new List<int>();
        for (var i = 0; i < 8; i++) statuses.Add((await cluster.SendAsync(HttpMethod.Post, "/v1/regions/eu-west/accounts")).Status);
        Assert.Equal([200, 200, 200], statuses[..3]);
        Assert.Equal(429, statuses[^1]);
        var answer = await cluster.SendAsync(HttpMethod.Post, "/v1/regions/eu-west/accounts");
        Assert.Equal("rate_limited", answer.Code);
        Assert.Contains("Retry-After", answer.Headers.Keys);
        for (var i = 0; i < 20; i++) Assert.Equal(200, (await cluster.SendAsync(HttpMethod.Post, $"/v1/users/{Anna}/sessions")).Status);
    }

    [Theory]
    [InlineData("10.1.2.3", "10.1.2.3")]
    [InlineData("::ffff:10.1.2.3", "10.1.2.3")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    public void Key_OfAnAddress_IsItsCustomer(string address, string key) => Assert.Equal(IPAddress.Parse(key), AddressLimits.Key(IPAddress.Parse(address)));

    [Fact]
    public async Task ForwardedFor_OfATrustedProxy_IsBelieved()
    {
        await using var cluster = await RouterCluster.StartAsync(o => o with { TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")] });
        await cluster.SendAsync(HttpMethod.Get, "/v1/me", cluster.TokenOf(Anna), r => r.Headers.Add("X-Forwarded-For", "203.0.113.7"));
        Assert.Equal("203.0.113.7", Assert.Single(cluster.Cells["eu-west-1"].Requests).Headers["X-Forwarded-For"]);
    }

    [Fact]
    public async Task Listeners_ServeOnlyTheirOwn()
    {
        await using var cluster = await RouterCluster.StartAsync();
        foreach (var path in new[] { "/healthz", "/readyz", "/metrics", "/internal/v1/status" }) Assert.Equal(404, (await cluster.GetAsync(path)).Status);
        using var http = new HttpClient { BaseAddress = cluster.Router.InternalUrl };
        foreach (var path in new[] { "/v1/cells", "/v1/me", "/" }) Assert.Equal(404, (int)(await http.GetAsync(path)).StatusCode);
    }

    private static Hosting.RouterOptions Allow(Hosting.RouterOptions options) => options with { AllowedOrigins = new HashSet<string>(["https://app.example"], StringComparer.OrdinalIgnoreCase) };

    private static Task<Answer> WithOriginAsync(RouterCluster cluster, string origin) =>
        cluster.SendAsync(HttpMethod.Get, "/v1/me", cluster.TokenOf(Anna), r => r.Headers.TryAddWithoutValidation("Origin", origin));
}
