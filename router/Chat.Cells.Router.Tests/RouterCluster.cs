using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using Chat.Cells.Router.Hosting;
using Chat.Cells.Topology;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Router.Tests;

/// <summary>A router before fake cells eu-west-1, eu-west-2 (region eu-west) and us-east-1 (region us-east), all in this process.</summary>
internal sealed class RouterCluster : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string directory = Directory.CreateTempSubdirectory("router").FullName;
    private readonly Dictionary<string, TokenMint> mints = [];
    private long version;

    private RouterCluster()
    {
    }

    public Dictionary<string, FakeCell> Cells { get; } = [];

    public RouterHost Router { get; private set; } = null!;

    public HttpClient Http { get; private set; } = null!;

    public string MapPath => Path.Combine(directory, "map", CellMapFile.FileName);

    public string CopyFolder => Path.Combine(directory, "copy");

    public LogLines Logs { get; } = new();

    public Func<RouterOptions, RouterOptions> Options { get; set; } = options => options;

    public static async Task<RouterCluster> StartAsync(Func<RouterOptions, RouterOptions>? options = null, bool writeMap = true)
    {
        var cluster = new RouterCluster { Options = options ?? (o => o) };
        foreach (var name in new[] { "eu-west-1", "eu-west-2", "us-east-1" })
        {
            var cell = new FakeCell(name);
            await cell.StartAsync();
            cluster.Cells[name] = cell;
            cluster.mints[name] = new TokenMint("k1");
        }
        if (writeMap) cluster.WriteMap();
        await cluster.StartRouterAsync();
        return cluster;
    }

    /// <summary>Writes the next version of the map.</summary>
    public long WriteMap(Func<CellEntry, CellEntry>? change = null, Func<string, bool>? include = null)
    {
        change ??= cell => cell;
        CellEntry[] cells =
        [
            .. Cells.Values.Where(c => include?.Invoke(c.Name) ?? true).Select((c, i) => change(new CellEntry(
                c.Name, i + 1, c.Name[..^2], c.Name == "eu-west-2" ? 0 : 100, CellState.Active, null, new CellEndpoints(c.Url, new Uri("http://127.0.0.1:1")), [KeyOf(mints[c.Name])]))),
        ];
        var shards = new Dictionary<string, IReadOnlyList<HandleShardRange>>();
        foreach (var region in cells.GroupBy(c => c.Region))
            shards[region.Key] = region.Count() == 2 ? [new(0, 127, region.First().Name), new(128, 255, region.Last().Name)] : [new(0, 255, region.First().Name)];
        CellMapFile.Write(MapPath, CellMap.Create(++version, cells, shards, cells.ToDictionary(c => c.Name, c => c.Number)));
        return version;
    }

    public async Task StartRouterAsync()
    {
        Router = RouterHost.Create(
            Options(new RouterOptions
            {
                Listen = new IPEndPoint(IPAddress.Loopback, 0),
                Internal = new IPEndPoint(IPAddress.Loopback, 0),
                CellMap = MapPath,
                MapCopy = CopyFolder,
                HealthInterval = TimeSpan.FromMilliseconds(200),
                HealthTimeout = TimeSpan.FromSeconds(10),
                Drain = TimeSpan.FromMilliseconds(200),
            }),
            logging: logging => logging.ClearProviders().AddProvider(Logs));
        await Router.StartAsync(CancellationToken.None);
        Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Router.PublicUrl, Timeout = Patience };
    }

    public async Task StopRouterAsync()
    {
        Http.Dispose();
        await Router.StopAsync(CancellationToken.None);
        await Router.DisposeAsync();
    }

    private static CellKey KeyOf(TokenMint mint) => new(mint.Kid, "EC", "P-256", mint.PublicPoint.X, mint.PublicPoint.Y);

    public static string UserOf(string cell) => UserId.Create(cell, new Ulid(new byte[16]));

    public string TokenOf(string userId, string? signedBy = null) => mints[signedBy ?? userId[..userId.IndexOf('.', StringComparison.Ordinal)]].Sign(userId, TimeProvider.System.GetUtcNow());

    public string SignClaims(string cell, Dictionary<string, object> claims) => mints[cell].Sign(claims);

    public async Task<Answer> SendAsync(HttpMethod method, string path, string? token = null, Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        change?.Invoke(request);
        using var response = await Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        var headers = response.Headers.Concat(response.Content.Headers).ToDictionary(h => h.Key, h => string.Join(",", h.Value), StringComparer.OrdinalIgnoreCase);
        return new Answer((int)response.StatusCode, headers, body);
    }

    public Task<Answer> GetAsync(string path, string? token = null) => SendAsync(HttpMethod.Get, path, token);

    public async Task<ClientWebSocket> ConnectAsync(string? token = null, string? ticket = null, string? origin = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        socket.Options.AddSubProtocol("chat.cells.v1");
        if (ticket is not null) socket.Options.AddSubProtocol($"ticket.{ticket}");
        if (token is not null) socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        if (origin is not null) socket.Options.SetRequestHeader("Origin", origin);
        socket.Options.CollectHttpResponseDetails = true;
        try
        {
            using var limit = new CancellationTokenSource(Patience);
            await socket.ConnectAsync(new Uri($"ws://{Router.PublicUrl.Authority}/v1/ws"), limit.Token);
            return socket;
        }
        catch (WebSocketException e)
        {
            var status = (int)socket.HttpStatusCode;
            socket.Dispose();
            throw new RefusedSocketException(status, e);
        }
    }

    public async Task<Dictionary<string, bool>> CellTableAsync()
    {
        var table = await Http.GetFromJsonAsync<JsonElement>("/v1/cells");
        return table.GetProperty("cells").EnumerateArray().ToDictionary(c => c.GetProperty("name").GetString()!, c => c.GetProperty("healthy").GetBoolean());
    }

    public async Task<long> MapVersionAsync() => (await Http.GetFromJsonAsync<JsonElement>("/v1/cells")).GetProperty("version").GetInt64();

    public async ValueTask DisposeAsync()
    {
        await StopRouterAsync();
        foreach (var cell in Cells.Values) await cell.DisposeAsync();
        foreach (var mint in mints.Values) mint.Dispose();
        Directory.Delete(directory, recursive: true);
    }
}

internal sealed record Answer(int Status, Dictionary<string, string> Headers, string Body)
{
    public string Code => JsonDocument.Parse(Body).RootElement.GetProperty("code").GetString()!;
}

internal sealed class RefusedSocketException(int status, Exception inner) : Exception($"The handshake was answered with {status}.", inner)
{
    public int Status => status;
}

/// <summary>Everything that is logged, with its exception and parameters.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> lines = new();

    public string All => string.Join('\n', lines);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");

    public void Dispose()
    {
    }
}
