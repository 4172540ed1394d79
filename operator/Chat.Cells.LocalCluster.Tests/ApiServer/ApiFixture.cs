using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Chat.Cells.LocalCluster.ApiServer;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

/// <summary>An answer: the code, the body as JSON, the warnings.</summary>
public sealed record Answer(HttpStatusCode Code, JsonNode? Body, IReadOnlyList<string> Warnings)
{
    public string Message => (string?)Body?["message"] ?? "";

    public string Reason => (string?)Body?["reason"] ?? "";

    public JsonNode this[string path]
    {
        get
        {
            var node = Body;
            foreach (var name in path.Split('.'))
            {
                node = node is JsonArray a ? a[int.Parse(name)] : node?[name];
            }

            return node ?? throw new InvalidOperationException($"no {path} in {Body?.ToJsonString()}");
        }
    }

    public Answer Ok()
    {
        Assert.True((int)Code is 200 or 201, $"{Code}: {Body?.ToJsonString()}");
        return this;
    }
}

/// <summary>A server of its own in a folder of its own; it can be stopped and started again over the same folder.</summary>
public sealed class ApiFixture : IAsyncDisposable
{
    private readonly Func<LocalApiServerOptions, LocalApiServerOptions> _configure;

    private ApiFixture(string directory, Func<LocalApiServerOptions, LocalApiServerOptions> configure)
    {
        DirectoryPath = directory;
        _configure = configure;
    }

    public string DirectoryPath { get; }

    public LocalApiServer Server { get; private set; } = null!;

    public HttpClient Client { get; private set; } = null!;

    public static async Task<ApiFixture> StartAsync(Func<LocalApiServerOptions, LocalApiServerOptions>? configure = null)
    {
        var fixture = new ApiFixture(Directory.CreateTempSubdirectory("api-test-").FullName, configure ?? (o => o));
        await fixture.RestartAsync();
        return fixture;
    }

    public async Task RestartAsync()
    {
        if (Server is not null)
        {
            Client.Dispose();
            await Server.DisposeAsync();
        }

        Server = await LocalApiServer.StartAsync(_configure(new LocalApiServerOptions { DataDirectory = DirectoryPath }));
        Client = Server.CreateClient();
    }

    public Task<Answer> GetAsync(string path, string? accept = null) => SendAsync(HttpMethod.Get, path, null, null, accept);

    public Task<Answer> PostAsync(string path, string body, string type = "application/json") => SendAsync(HttpMethod.Post, path, body, type);

    public Task<Answer> PutAsync(string path, JsonNode body) => SendAsync(HttpMethod.Put, path, body.ToJsonString(), "application/json");

    public Task<Answer> DeleteAsync(string path, string? body = null) => SendAsync(HttpMethod.Delete, path, body, "application/json");

    public Task<Answer> MergeAsync(string path, string body) => SendAsync(HttpMethod.Patch, path, body, "application/merge-patch+json");

    public Task<Answer> StrategicAsync(string path, string body) => SendAsync(HttpMethod.Patch, path, body, "application/strategic-merge-patch+json");

    public Task<Answer> JsonPatchAsync(string path, string body) => SendAsync(HttpMethod.Patch, path, body, "application/json-patch+json");

    public Task<Answer> ApplyAsync(string path, string manager, string body, bool force = false) =>
        SendAsync(HttpMethod.Patch, $"{path}?fieldManager={manager}&force={(force ? "true" : "false")}", body, "application/apply-patch+yaml");

    public async Task<Answer> SendAsync(HttpMethod method, string path, string? body, string? type, string? accept = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        }

        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        using var response = await Client.SendAsync(request);
        return await ReadAsync(response);
    }

    public static async Task<Answer> ReadAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        var warnings = response.Headers.TryGetValues("Warning", out var values) ? values.ToList() : [];
        return new Answer(response.StatusCode, text.Length == 0 || text[0] != '{' ? null : JsonNode.Parse(text), warnings);
    }

    /// <summary>Waits until something holds.</summary>
    public static Task EventuallyAsync(Func<Task<bool>> holds, string what) => Poll.UntilAsync(holds, what, TimeSpan.FromSeconds(120));

    public Task EventuallyGoneAsync(string path) =>
        EventuallyAsync(async () => (await GetAsync(path)).Code == HttpStatusCode.NotFound, $"{path} is gone");

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
        Directory.Delete(DirectoryPath, recursive: true);
    }

    public static string Pod(string name, string image = "x", string? node = null) => $$$"""
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}"},"spec":{ {{{(node is null ? "" : $"\"nodeName\":\"{node}\",")}}} "containers":[{"name":"c","image":"{{{image}}}"}]}}
        """;

    public static string ConfigMap(string name, string value = "v", string labels = "{}") =>
        $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{{name}}}","labels":{{{labels}}}},"data":{"k":"{{{value}}}"}}""";
}
