using System.Net;
using System.Text.RegularExpressions;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Cell.Tests.Http;

public sealed class ListenerTests : IAsyncLifetime
{
    private TestCell cell = null!;

    public async Task InitializeAsync() => cell = await TestCell.StartAsync();

    public async Task DisposeAsync() => await cell.DisposeAsync();

    [Theory]
    [InlineData("GET", "/metrics")]
    [InlineData("GET", "/readyz")]
    [InlineData("POST", "/internal/v1/handles/claims")]
    [InlineData("GET", "/internal/v1/users/x")]
    [InlineData("GET", "/internal/v1/status")]
    public async Task InternalEndpoint_OnThePublicListener_IsNotThere(string method, string path)
    {
        // Not with the secret and the internal listener's Host header either.
        using var response = await cell.SendAsync(new HttpMethod(method), cell.Public, path, cell.InternalToken, null, ("Host", cell.Internal.Authority));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Theory]
    [InlineData("/v1/me")]
    [InlineData("/v1/ws")]
    [InlineData("/v1/openapi.json")]
    [InlineData("/.well-known/jwks.json")]
    public async Task PublicEndpoint_OnTheInternalListener_IsNotThere(string path)
    {
        using var response = await cell.SendAsync(HttpMethod.Get, cell.Internal, path, null, null, ("Host", cell.Public.Authority));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("wrong")]
    [InlineData("0123456789012345678901234567890123456789")]
    public async Task InternalEndpoint_WithoutTheSecret_Answers401(string? token)
    {
        using var response = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/internal/v1/users/x", token);
        Assert.Equal(ErrorCodes.Unauthorized, (string)(await TestCell.ReadAsync(response, 401))["code"]!);
    }

    [Theory]
    [InlineData("GET", "/INTERNAL/v1/status")]
    [InlineData("GET", "/Internal/V1/users/x")]
    [InlineData("POST", "/internaL/v1/handles/claims")]
    [InlineData("GET", "/%49nternal/v1/bridges/us-east-1/position")]
    public async Task InternalEndpoint_InAnotherCaseWithoutTheSecret_Answers401(string method, string path)
    {
        using var response = await cell.SendAsync(new HttpMethod(method), cell.Internal, path, null, method == "POST" ? "{}" : null);
        Assert.Equal(ErrorCodes.Unauthorized, (string)(await TestCell.ReadAsync(response, 401))["code"]!);
    }

    [Fact]
    public async Task Endpoints_WithoutAnyToken_AnswerNothingButWhatIsOpen()
    {
        var open = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var endpoint in cell.Services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>())
        {
            var path = Regex.Replace("/" + endpoint.RoutePattern.RawText!.TrimStart('/'), @"\{[^}]*\}", "x");
            var method = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods[0] ?? "GET";
            foreach (var listener in new[] { cell.Public, cell.Internal })
            {
                foreach (var written in new[] { path, path.ToUpperInvariant() })
                {
                    using var response = await cell.SendAsync(new HttpMethod(method), listener, written, null, method is "GET" or "DELETE" ? null : "{}");
                    var text = await response.Content.ReadAsStringAsync();
                    if (!Regex.IsMatch(text, "token is needed|There is nothing here")) open.Add($"{method} {path}");
                }
            }
        }
        Assert.Equal(
            [
                "GET /.well-known/jwks.json", "GET /healthz", "GET /metrics", "GET /readyz", "GET /v1/openapi.json", "GET /v1/ws",
                "POST /v1/handles/x/sessions", "POST /v1/regions/x/accounts", "POST /v1/users/x/sessions", "POST /v1/users/x/tokens",
            ],
            open);
    }

    [Fact]
    public async Task InternalEndpoint_HugeBody_Answers413()
    {
        using var response = await cell.SendAsync(HttpMethod.Post, cell.Internal, "/internal/v1/handles/claims", cell.InternalToken, new { handle = new string('a', 1_000_000), userId = "x" });
        Assert.Equal(ErrorCodes.TooLarge, (string)(await TestCell.ReadAsync(response, 413))["code"]!);
        Assert.True(response.Headers.ConnectionClose);
    }

    [Fact]
    public async Task InternalEndpoint_WithAUsersToken_Answers401()
    {
        var anna = await cell.SignUpAsync("anna");
        using var response = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/internal/v1/users/x", anna.Token);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task InternalEndpoint_WithATokenOfAnotherScope_Answers403()
    {
        var bridge = new string('b', 43);
        await File.WriteAllTextAsync(Path.Combine(cell.Options.SecretsDirectory, "bridge-us-east-1"), bridge);
        ((Cell.Hosting.SecretsFolder)cell.Services.GetService(typeof(Cell.Hosting.SecretsFolder))!).Poll();
        using var response = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/internal/v1/users/x", bridge);
        Assert.Equal(ErrorCodes.Forbidden, (string)(await TestCell.ReadAsync(response, 403))["code"]!);
    }

    [Fact]
    public async Task Health_BothListeners_AnswerWithoutSecret()
    {
        foreach (var (listener, path) in new[] { (cell.Internal, "/healthz"), (cell.Internal, "/readyz"), (cell.Public, "/healthz") })
        {
            using var response = await cell.SendAsync(HttpMethod.Get, listener, path, null);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
        await using var socket = await cell.ConnectAsync(await cell.SignUpAsync("anna"));
        using var metrics = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/metrics", null);
        Assert.Contains("# TYPE websocket_active_connections gauge", await metrics.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenApi_Served_DescribesEveryPublicEndpoint()
    {
        using var response = await cell.GetAsync("/v1/openapi.json");
        var paths = (await TestCell.ReadAsync(response, 200))["paths"]!.AsObject();
        foreach (var path in new[] { "/v1/regions/{region}/accounts", "/v1/channels/{channelId}/messages", "/v1/ws", "/v1/tickets" }) Assert.True(paths.ContainsKey(path), path);
        Assert.DoesNotContain(paths, p => p.Key.StartsWith("/internal", StringComparison.Ordinal));
        Assert.All(paths.SelectMany(p => p.Value!.AsObject()), operation => Assert.NotNull(operation.Value!["summary"]));
    }

    [Fact]
    public async Task Cors_AllowedOriginOnly_IsAnswered()
    {
        foreach (var (origin, allowed) in new[] { ("http://localhost:30080", true), ("https://evil.example", false) })
        {
            using var response = await cell.SendAsync(HttpMethod.Options, cell.Public, "/v1/me", null, null, ("Origin", origin), ("Access-Control-Request-Method", "GET"));
            Assert.Equal(allowed, response.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }
}
