using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Chat.Cells.Cell.Tests.Hosting;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Cell.Tests.Http;

/// <summary>
/// Malformed input at every endpoint that a cell maps, on both listeners: it is the caller's mistake (4xx, said in a document with a code), never a fault of the server. A new
/// endpoint with a body fails here until its body is listed.
/// </summary>
public sealed partial class MalformedRequestTests : IAsyncLifetime
{
    private static readonly JsonObject Device = new() { ["name"] = "Laptop", ["kind"] = "desktop" };

    /// <summary>A well-formed body for each endpoint that takes JSON; the fields that may be left out have a question mark.</summary>
    private static readonly Dictionary<string, JsonObject> Bodies = new(StringComparer.Ordinal)
    {
        ["POST /v1/regions/{region}/accounts"] = new() { ["handle"] = "malformed", ["password"] = "long enough", ["displayName?"] = "M", ["device"] = Device.DeepClone() },
        ["POST /v1/handles/{handle}/sessions"] = new() { ["password"] = "long enough", ["device"] = Device.DeepClone() },
        ["POST /v1/users/{userId}/sessions"] = new() { ["password"] = "long enough", ["device"] = Device.DeepClone() },
        ["POST /v1/users/{userId}/tokens"] = new() { ["refreshToken"] = "invented" },
        ["POST /v1/channels"] = new() { ["type"] = "group", ["name"] = "N", ["userIds?"] = new JsonArray(), ["userId?"] = null, ["requestId"] = "r" },
        ["PATCH /v1/channels/{channelId}"] = new() { ["name"] = "N", ["requestId"] = "r" },
        ["PUT /v1/channels/{channelId}/members/{userId}"] = new() { ["role"] = "member", ["requestId"] = "r" },
        ["POST /internal/v1/handles/claims"] = new() { ["handle"] = "anna@eu-west", ["userId"] = "eu-west-1.01M813TPGJYVHDRRPAQQWFWCH8" },
    };

    private static readonly string[] NoBodies =
    [
        "", " ", "{", "}", "[]", "[{}]", "null", "true", "7", "\"text\"", "{}", "{\"x\":1}", "{\"a\":1,}", "<xml/>", "\u0000", new string('[', 200), "{\"handle\":{\"handle\":{}}}",
    ];

    private static readonly string[] WrongTypes = ["7", "true", "[]", "[7]", "{}", "{\"a\":1}", "[null]"];

    private static readonly string[] OddTexts =
    [
        "\"\"", "\" \"", "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00x\"", "\"\\u202e\"", "\"../../etc/passwd\"", "\"' OR 1=1 --\"", $"\"{new string('a', 5_000)}\"", $"\"{string.Concat(Enumerable.Repeat("😀", 500))}\"",
    ];

    private static readonly string[] OddSegments =
    [
        "x", "%20", "%00", "%0a", "%ED%A0%80", "%F0%9F%98%80", "..%2f..%2fetc", "a%2Fb", "%5C", "a@b@c", "'%20OR%201=1", "null", "-1", "eu-west-1.", ".01M813TPGJYVHDRRPAQQWFWCH8", new string('a', 3_000),
    ];

    private static readonly string[] OddQueries =
    [
        "limit=0", "limit=-1", "limit=99999999999999", "limit=many", "limit=", "before=zzz", "before=", "before=%00", "after=%ED%A0%80", "after=" + new string('a', 500), "requestId=with%20space",
        "requestId=", "requestId=a&requestId=b", "from=", "from=,,,", "from=-1", "from=1,2,3,x", "from=99999999999999999999", "from=0",
    ];

    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private readonly List<string> wrong = [];
    private TestCell cell = null!;
    private string token = null!;

    public async Task InitializeAsync()
    {
        cell = await TestCell.StartAsync();
        token = (await cell.SignUpAsync("anna")).Token;
    }

    public async Task DisposeAsync()
    {
        http.Dispose();
        await cell.DisposeAsync();
    }

    [Fact]
    public void Bodies_OfAllEndpointsThatTakeJson_AreListed() =>
        Assert.Equal(Endpoints().Where(e => e.TakesBody).Select(e => e.Name).Order(StringComparer.Ordinal), Bodies.Keys.Order(StringComparer.Ordinal));

    [Fact]
    public async Task Body_ThatIsNone_IsRefusedByEveryEndpoint()
    {
        foreach (var endpoint in Endpoints().Where(e => e.TakesBody))
        {
            foreach (var body in NoBodies) await AskAsync(endpoint, endpoint.Path("x"), body, refuses: true);
            await AskAsync(endpoint, endpoint.Path("x"), Valid(endpoint), refuses: true, mediaType: "text/plain");
            await AskAsync(endpoint, endpoint.Path("x"), Valid(endpoint), refuses: true, mediaType: "application/x-www-form-urlencoded");
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public async Task Field_OfAnotherTypeOrMissing_IsRefusedByEveryEndpoint()
    {
        foreach (var endpoint in Endpoints().Where(e => e.TakesBody))
        {
            foreach (var (field, _) in Bodies[endpoint.Name])
            {
                var isList = field == "userIds?";
                foreach (var value in WrongTypes.Where(v => !(isList && v is "[]") && !(field == "device" && v is "{}")))
                    await AskAsync(endpoint, endpoint.Path("x"), With(endpoint, field, value), refuses: true);
                await AskAsync(endpoint, endpoint.Path("x"), With(endpoint, field, "null"), refuses: !field.EndsWith('?'));
                await AskAsync(endpoint, endpoint.Path("x"), With(endpoint, field, null), refuses: !field.EndsWith('?'));
            }
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public async Task Field_OfAnOddText_IsNoFaultOfAnyEndpoint()
    {
        foreach (var endpoint in Endpoints().Where(e => e.TakesBody))
        {
            foreach (var (field, value) in Bodies[endpoint.Name])
            {
                if (value is JsonObject or JsonArray) continue;
                foreach (var text in OddTexts) await AskAsync(endpoint, endpoint.Path("x"), With(endpoint, field, text), refuses: false);
            }
            foreach (var text in OddTexts)
            {
                if (Bodies[endpoint.Name].ContainsKey("device")) await AskAsync(endpoint, endpoint.Path("x"), With(endpoint, "device", $$"""{"name":{{text}},"kind":{{text}}}"""), refuses: false);
                if (Bodies[endpoint.Name].ContainsKey("userIds?")) await AskAsync(endpoint, endpoint.Path("x"), With(endpoint, "userIds?", $"[{text}]"), refuses: true);
            }
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public async Task Path_OfOddSegments_IsNoFaultOfAnyEndpoint()
    {
        foreach (var endpoint in Endpoints().Where(e => e.HasParameters))
        {
            foreach (var segment in OddSegments) await AskAsync(endpoint, endpoint.Path(segment), endpoint.TakesBody ? Valid(endpoint) : null, refuses: false);
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public async Task Query_ThatIsOdd_IsNoFaultOfAnyEndpoint()
    {
        foreach (var endpoint in Endpoints().Where(e => e.Method == "GET" || e.HasParameters))
        {
            foreach (var query in OddQueries) await AskAsync(endpoint, endpoint.Path("x") + "?" + query, endpoint.TakesBody ? Valid(endpoint) : null, refuses: false);
        }
        Assert.Empty(wrong);
    }

    private static string Valid(Endpoint endpoint) => With(endpoint, "", null);

    /// <summary>The well-formed body with one field written otherwise, or left out.</summary>
    private static string With(Endpoint endpoint, string field, string? json)
    {
        var fields = Bodies[endpoint.Name]
            .Where(f => f.Key != field || json is not null)
            .Select(f => $"\"{f.Key.TrimEnd('?')}\":{(f.Key == field ? json : f.Value?.ToJsonString() ?? "null")}");
        return $"{{{string.Join(',', fields)}}}";
    }

    private async Task AskAsync(Endpoint endpoint, string path, string? body, bool refuses, string mediaType = "application/json")
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var request = new HttpRequestMessage(new HttpMethod(endpoint.Method), new Uri(endpoint.IsInternal ? cell.Internal : cell.Public, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", endpoint.IsInternal ? cell.InternalToken : token);
        if (body is not null) request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = new MediaTypeHeaderValue(mediaType) } };
        using var response = await http.SendAsync(request, limit.Token);
        var status = (int)response.StatusCode;
        var text = await response.Content.ReadAsStringAsync(limit.Token);
        var isRight = status < 500 && (status >= 400 ? SaysWhy(text, status) : !refuses);
        if (!isRight) wrong.Add($"{endpoint.Method} {path[..Math.Min(path.Length, 120)]} {body?[..Math.Min(body.Length, 120)]} -> {status} {text[..Math.Min(text.Length, 160)]}");
    }

    /// <summary>A document with a code; a target that can't even be read is refused by the web server itself, without a word.</summary>
    private static bool SaysWhy(string text, int status)
    {
        if (text.Length == 0) return status == 400;
        try
        {
            return JsonNode.Parse(text) is JsonObject document && document["code"] is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private IEnumerable<Endpoint> Endpoints() =>
        from endpoint in cell.Services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
        let route = "/" + endpoint.RoutePattern.RawText!.Trim('/')
        let method = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods[0] ?? "GET"
        where route is not ("/v1/openapi.json" or "/metrics" or "/healthz" or "/readyz" or "/.well-known/jwks.json")
        select new Endpoint(method, route, endpoint.Metadata.GetMetadata<IAcceptsMetadata>() is not null);

    private sealed partial record Endpoint(string Method, string Route, bool TakesBody)
    {
        public string Name => $"{Method} {Route}";
        public bool IsInternal => Route.StartsWith("/internal/", StringComparison.Ordinal);
        public bool HasParameters => Route.Contains('{', StringComparison.Ordinal);

        /// <summary>With every parameter this; the region alone stays right, so that a body is looked at.</summary>
        public string Path(string segment) => Parameter().Replace(Route, match => match.Value == "{region}" && segment == "x" ? "eu-west" : segment);

        [GeneratedRegex(@"\{[^}]*\}")]
        private static partial Regex Parameter();
    }
}
