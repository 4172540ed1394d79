using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Connections;
using Chat.Cells.Protocol;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Cell.Tests.Hosting;

/// <summary>A whole cell on the embedded engines, in this process, in a folder of its own.</summary>
internal sealed class TestCell : IAsyncDisposable
{
    private readonly bool ownFolder;
    private readonly CellHost host;
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    private TestCell(CellHost host, CellOptions options, string folder, bool ownFolder)
    {
        this.host = host;
        Options = options;
        Folder = folder;
        this.ownFolder = ownFolder;
    }

    public CellOptions Options { get; }
    public string Folder { get; }
    public Uri Public => host.PublicUrl;
    public Uri Internal => host.InternalUrl;
    public IServiceProvider Services => host.Services;

    public static string NewFolder() => Directory.CreateTempSubdirectory("chatcells-").FullName;

    public static CellOptions DefaultOptions(string folder, string cell = "eu-west-1", string region = "eu-west", ushort number = 1) => new()
    {
        Cell = cell,
        Number = number,
        Region = region,
        DataDirectory = Path.Combine(folder, "data"),
        SecretsDirectory = Path.Combine(folder, "secrets"),
        GenerateSecrets = true,
        Public = new Uri("http://127.0.0.1:0"),
        Internal = new Uri("http://127.0.0.1:0"),
        AllowedOrigins = ["http://localhost:30080"],
        PasswordIterations = 1,
        MessagesPerMinute = 0,
    };

    public static async Task<TestCell> StartAsync(
        Func<CellOptions, CellOptions>? change = null, CellEngines? engines = null, string? folder = null, Action<ILoggingBuilder>? logging = null, TimeProvider? time = null)
    {
        var at = folder ?? NewFolder();
        var options = DefaultOptions(at);
        if (change is not null) options = change(options);
        var started = await CellHost.StartAsync(options, engines, time, configureLogging: logging ?? (l => l.SetMinimumLevel(LogLevel.None)));
        return new TestCell(started, options, at, folder is null);
    }

    public Task StopAsync() => host.StopAsync();

    public async Task<TestUser> SignUpAsync(string handle, string password = "correct horse")
    {
        using var response = await PostAsync($"/v1/regions/{Options.Region}/accounts", null, new { handle, password, displayName = handle, device = new { name = "test", kind = "desktop" } });
        return TestUser.From(await ReadAsync(response, 201));
    }

    public async Task<TestUser> LogInAsync(string handle, string password = "correct horse")
    {
        using var response = await PostAsync($"/v1/handles/{handle}@{Options.Region}/sessions", null, new { password, device = new { name = "test 2", kind = "phone" } });
        return TestUser.From(await ReadAsync(response, 201));
    }

    public Task<string> CreateDirectAsync(TestUser user, TestUser other) =>
        CreateChannelAsync(user, new { type = "direct", userId = other.UserId, requestId = "direct-" + other.UserId[^6..] });

    public Task<string> CreateGroupAsync(TestUser user, string name, params TestUser[] others) =>
        CreateChannelAsync(user, new { type = "group", name, userIds = others.Select(o => o.UserId).ToArray(), requestId = Guid.NewGuid().ToString("N") });

    public Task<HttpResponseMessage> PostAsync(string path, string? token, object? body) => SendAsync(HttpMethod.Post, Public, path, token, body);

    public Task<HttpResponseMessage> GetAsync(string path, string? token = null) => SendAsync(HttpMethod.Get, Public, path, token);

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, Uri listener, string path, string? token, object? body = null, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, new Uri(listener, path));
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        if (body is string text) request.Content = new StringContent(text, System.Text.Encoding.UTF8, "application/json");
        else if (body is not null) request.Content = JsonContent.Create(body);
        return http.SendAsync(request);
    }

    /// <summary>As clients do: one that was not decided in time is asked for again with the same requestId.</summary>
    private async Task<string> CreateChannelAsync(TestUser user, object channel)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var response = await PostAsync("/v1/channels", user.Token, channel);
            if (response.StatusCode != HttpStatusCode.ServiceUnavailable || attempt == 10) return (string)(await ReadAsync(response, 201))["channelId"]!;
            Assert.Equal(ErrorCodes.Retry, (string)(await ReadAsync(response, 503))["code"]!);
        }
    }

    /// <summary>The body, when the status is as expected.</summary>
    public static async Task<JsonObject> ReadAsync(HttpResponseMessage response, int status)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"expected {status}, got {(int)response.StatusCode}: {text}");
        return JsonNode.Parse(text)!.AsObject();
    }

    /// <summary>A socket that has synced: without a cursor from now on, else from there.</summary>
    public async Task<TestSocket> ConnectAsync(TestUser user, string? cursor = null)
    {
        var socket = await OpenAsync(user);
        await socket.SendAsync("sync", new { cursor });
        if (cursor is null) await socket.ReceiveAsync("sync_reset");
        return socket;
    }

    /// <summary>A socket that hasn't synced.</summary>
    public Task<TestSocket> OpenAsync(TestUser user) => TestSocket.ConnectAsync(Public, user.Token);

    public string InternalToken => File.ReadAllText(Path.Combine(Options.SecretsDirectory, "internal-token")).Trim();

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await host.DisposeAsync();
        if (ownFolder) Directory.Delete(Folder, recursive: true);
    }
}

internal sealed record TestUser(string UserId, string Handle, string DeviceId, string Token, string RefreshToken, JsonObject Session)
{
    public static TestUser From(JsonObject s) =>
        new((string)s["userId"]!, (string)s["handle"]!, (string)s["deviceId"]!, (string)s["accessToken"]!, (string)s["refreshToken"]!, s);
}
