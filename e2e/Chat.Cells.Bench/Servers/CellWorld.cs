using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;
using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Topology;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Bench.Servers;

/// <summary>One cell, one process with all roles, driven without a router in between; its users are put into its store before it starts, their tokens signed with its key.</summary>
internal sealed class CellWorld : IServerWorld
{
    private readonly string folder;
    private readonly Engine engine;
    private readonly string[] arguments;
    private readonly Uri publicUrl;
    private readonly Uri internalUrl;
    private readonly List<User> users = [];
    private readonly string name;

    private CellWorld(string folder, Engine engine)
    {
        this.folder = folder;
        this.engine = engine;
        name = engine.Cell;
        var (clients, servers) = (FreePort(), FreePort());
        publicUrl = new Uri($"http://127.0.0.1:{clients}");
        internalUrl = new Uri($"http://127.0.0.1:{servers}");
        Clients = new IPEndPoint(IPAddress.Loopback, clients);
        arguments =
        [
            "--cell", name, "--number", "1", "--region", "bench", "--data", Path.Combine(folder, "data"), "--secrets", Path.Combine(folder, "secrets"), "--generate-secrets", "true",
            "--public", publicUrl.GetLeftPart(UriPartial.Authority), "--internal", internalUrl.GetLeftPart(UriPartial.Authority),
            "--messages-per-minute", "0", "--access-token-minutes", "600", "--max-connections", "20000", .. engine.Options,
        ];
        Process = new ServerProcess(
            $"the cell ({engine.Label})", [Repository.Program("cell", "Chat.Cells.Cell"), .. arguments], new Dictionary<string, string>(), Path.Combine(folder, "cell.log"));
    }

    public string Label => engine.Label;

    public IPEndPoint Clients { get; }

    public ServerProcess Process { get; }

    /// <summary>Makes a cell's folder with so many users.</summary>
    public static async Task<CellWorld> CreateAsync(Engine engine, string folder, int users, CancellationToken cancellationToken)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        var secrets = Directory.CreateDirectory(Path.Combine(folder, "secrets")).FullName;
        foreach (var (file, secret) in engine.Secrets) await File.WriteAllTextAsync(Path.Combine(secrets, file), secret, cancellationToken);
        var world = new CellWorld(folder, engine);
        await world.SeedAsync(users, cancellationToken);
        return world;
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Process.Start();
        await Process.WaitUntilReadyAsync(new Uri(internalUrl, "/readyz"), cancellationToken);
    }

    /// <summary>Asks the running cell when an acked message is safe.</summary>
    /// <exception cref="BenchException">It doesn't say.</exception>
    public async Task<Durability> ReadDurabilityAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(internalUrl, "/internal/v1/status"));
        var token = await File.ReadAllTextAsync(Path.Combine(folder, "secrets", CellSecrets.InternalTokenFile), cancellationToken);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Trim());
        using var answer = await http.SendAsync(request, cancellationToken);
        if (!answer.IsSuccessStatusCode) throw new BenchException($"The cell does not tell its status: {(int)answer.StatusCode}.");
        return Durability.Read(await answer.Content.ReadAsStringAsync(cancellationToken), FileSystemOf(Path.Combine(folder, "data")), engine.NotDurable);
    }

    public async Task<IReadOnlyList<Connection>> MakeRoomsAsync(int rooms, int members, CancellationToken cancellationToken)
    {
        var connections = Connections(rooms * members);
        using var http = new HttpClient { BaseAddress = publicUrl };
        for (var room = 0; room < rooms; room++)
        {
            var those = users.GetRange(room * members, members);
            object body = members == 2
                ? new { type = "direct", userId = those[1].UserId, requestId = $"direct-{room}" }
                : new { type = "group", name = $"room {room}", userIds = those.Skip(1).Select(u => u.UserId).ToArray(), requestId = $"group-{members}-{room}" };
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/channels") { Content = JsonContent.Create(body) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", those[0].Token);
            using var answer = await http.SendAsync(request, cancellationToken);
            if (!answer.IsSuccessStatusCode) throw new BenchException($"A channel could not be made: {await answer.Content.ReadAsStringAsync(cancellationToken)}");
            var channel = await answer.Content.ReadFromJsonAsync<ChannelAnswer>(cancellationToken);
            for (var i = 0; i < members; i++) connections[(room * members) + i].Channel = channel!.ChannelId;
        }
        return connections;
    }

    public IReadOnlyList<Connection> Connections(int count) => [.. Enumerable.Range(0, count).Select(i => new Connection(i, Upgrade(users[i].Token, "")))];

    public async ValueTask DisposeAsync() => await Process.DisposeAsync();

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>A WebSocket upgrade request.</summary>
    /// <param name="room">Follows the path.</param>
    internal static byte[] Upgrade(string token, string room) => Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"GET /v1/ws{room} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {Convert.ToBase64String(RandomNumberGenerator.GetBytes(16))}\r\nSec-WebSocket-Protocol: chat.cells.v1\r\nAuthorization: Bearer {token}\r\n\r\n"));

    /// <summary>The type of the file system that has a folder: that of the longest mount point above it.</summary>
    private static string FileSystemOf(string path) =>
        DriveInfo.GetDrives()
            .Where(d => path.StartsWith(d.Name.TrimEnd('/') + "/", StringComparison.Ordinal))
            .MaxBy(d => d.Name.Length)?.DriveFormat ?? "unknown";

    private async Task SeedAsync(int count, CancellationToken cancellationToken)
    {
        var options = CellOptionsReader.Read(arguments, static _ => null);
        var time = TimeProvider.System;
        using var secrets = new SecretsFolder(options, time, NullLogger<SecretsFolder>.Instance);
        var key = secrets.Current.Keys[^1];
        var tokens = new TokenIssuer(options, () => key, time);
        await using var engines = await CellEngines.OpenAsync(options with { Log = "embedded", State = "embedded" }, time, NullLoggerFactory.Instance, cancellationToken);
        var now = time.GetUtcNow();
        for (var i = 0; i < count; i++)
        {
            var (userId, deviceId) = (UserId.Create(name, Ulid.NewUlid(now)), Ulid.NewUlid(now).ToString());
            users.Add(new User(userId, deviceId, tokens.Issue(userId, deviceId).Token));
        }
        await Parallel.ForEachAsync(users, new ParallelOptions { MaxDegreeOfParallelism = 128, CancellationToken = cancellationToken }, async (user, token) =>
        {
            var at = now.ToUnixTimeMilliseconds();
            await engines.Accounts.CreateAccountAsync(new AccountRow(user.UserId, $"{user.DeviceId.ToLowerInvariant()}@bench", "bench", "none", InboxCursor.InitialEpoch, at), token);
            await engines.Accounts.PutDeviceAsync(new DeviceRow(user.UserId, user.DeviceId, "bench", "phone", RandomNumberGenerator.GetBytes(32), at, at), token);
        });
    }

    private sealed record User(string UserId, string DeviceId, string Token);

    private sealed record ChannelAnswer(string ChannelId);
}
