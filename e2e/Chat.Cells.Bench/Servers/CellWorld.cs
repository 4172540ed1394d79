using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Processes;

namespace Chat.Cells.Bench.Servers;

/// <summary>One cell, driven without a router in between; its users are put into its store before it starts, their tokens signed with its key.</summary>
internal sealed class CellWorld : IServerWorld
{
    private const int RoomsAtATime = 16;
    private static readonly TimeSpan ChannelBound = TimeSpan.FromSeconds(60);
    private readonly FreePorts ports = new();
    private readonly string data;
    private readonly string secrets;
    private readonly Engine engine;
    private readonly Uri publicUrl;
    private readonly Uri internalUrl;
    private IReadOnlyList<CellUser> users = [];

    private CellWorld(string folder, Engine engine, CellLayout layout)
    {
        this.engine = engine;
        data = Path.Combine(folder, "data");
        secrets = Path.Combine(folder, "secrets");
        var addresses = layout.Servers.Select(_ => (Public: ports.Next(), Internal: ports.Next())).ToArray();
        publicUrl = FreePorts.Url(addresses[0].Public);
        internalUrl = FreePorts.Url(addresses[0].Internal);
        Clients = [.. addresses.Take(layout.Gateways).Select(a => new IPEndPoint(IPAddress.Loopback, a.Public))];
        Servers = [.. layout.Servers.Zip(addresses, (server, at) => Server(folder, server.Id, server.Roles, at.Public, at.Internal))];
        Gateways = [.. Servers.Take(layout.Gateways)];
    }

    public string Label => engine.Label;

    public IReadOnlyList<IPEndPoint> Clients { get; }

    public IReadOnlyList<MeasuredServer> Servers { get; }

    /// <summary>Those of <see cref="Servers"/> that serve clients.</summary>
    public IReadOnlyList<MeasuredServer> Gateways { get; }

    /// <summary>Makes a cell's folder with so many users.</summary>
    public static async Task<CellWorld> CreateAsync(Engine engine, CellLayout layout, string folder, int users, CancellationToken cancellationToken)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        var world = new CellWorld(folder, engine, layout);
        Directory.CreateDirectory(world.secrets);
        foreach (var (file, secret) in engine.Secrets) await File.WriteAllTextAsync(Path.Combine(world.secrets, file), secret, cancellationToken);
        world.users = await CellUsers.SeedAsync(world.Arguments("seed", null, FreePorts.Url(0), FreePorts.Url(0)), users, cancellationToken);
        return world;
    }

    /// <summary>Asks the running cell when an acked message is safe.</summary>
    /// <exception cref="BenchException">It doesn't say.</exception>
    public async Task<Durability> ReadDurabilityAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(internalUrl, "/internal/v1/status"));
        var token = await File.ReadAllTextAsync(Path.Combine(secrets, CellSecrets.InternalTokenFile), cancellationToken);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Trim());
        using var answer = await http.SendAsync(request, cancellationToken);
        if (!answer.IsSuccessStatusCode) throw new BenchException($"The cell does not tell its status: {(int)answer.StatusCode}.");
        return Durability.Read(await answer.Content.ReadAsStringAsync(cancellationToken), FileSystemOf(data), engine.NotDurable);
    }

    public async Task<IReadOnlyList<Connection>> MakeRoomsAsync(int rooms, int members, CancellationToken cancellationToken)
    {
        var connections = Connections(rooms * members);
        using var http = new HttpClient { BaseAddress = publicUrl };
        await Parallel.ForAsync(0, rooms, new ParallelOptions { MaxDegreeOfParallelism = RoomsAtATime, CancellationToken = cancellationToken }, async (room, token) =>
        {
            var first = room * members;
            object body = members == 2
                ? new { type = "direct", userId = users[first + 1].UserId, requestId = $"direct-{room}" }
                : new { type = "group", name = $"room {room}", userIds = users.Skip(first + 1).Take(members - 1).Select(u => u.UserId).ToArray(), requestId = $"group-{members}-{room}" };
            var channel = await MakeChannelAsync(http, users[first], body, token);
            for (var i = 0; i < members; i++) connections[first + i].Channel = channel;
        });
        return connections;
    }

    public IReadOnlyList<Connection> Connections(int count) => [.. users.Take(count).Select((user, i) => new Connection(i, Frames.Upgrade(user.Token, "")))];

    public async ValueTask DisposeAsync()
    {
        foreach (var server in Servers) await server.DisposeAsync();
        ports.Dispose();
    }

    /// <summary>A cell whose workers still wait for their share of a real broker's partitions answers that it has to be asked again; the same request id makes one channel.</summary>
    private static async Task<string> MakeChannelAsync(HttpClient http, CellUser creator, object body, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/channels") { Content = JsonContent.Create(body) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", creator.Token);
            using var answer = await http.SendAsync(request, cancellationToken);
            if (answer.IsSuccessStatusCode) return (await answer.Content.ReadFromJsonAsync<ChannelAnswer>(cancellationToken))!.ChannelId;
            if (answer.StatusCode != HttpStatusCode.ServiceUnavailable || TimeProvider.System.GetElapsedTime(start) > ChannelBound)
                throw new BenchException($"A channel could not be made: {await answer.Content.ReadAsStringAsync(cancellationToken)}");
            await Task.Delay(500, cancellationToken);
        }
    }

    /// <summary>The type of the file system that has a folder: that of the longest mount point above it.</summary>
    private static string FileSystemOf(string path) =>
        DriveInfo.GetDrives()
            .Where(d => path.StartsWith(d.Name.TrimEnd('/') + "/", StringComparison.Ordinal))
            .MaxBy(d => d.Name.Length)?.DriveFormat ?? "unknown";

    private MeasuredServer Server(string folder, string id, string? roles, int open, int closed)
    {
        var command = ServerCommand.Of("cell", "Chat.Cells.Cell", Arguments(id, roles, FreePorts.Url(open), FreePorts.Url(closed)));
        return new MeasuredServer($"{id} ({engine.Label})", command, Path.Combine(folder, id + ".log"), new Uri(FreePorts.Url(closed), "/readyz"));
    }

    private List<string> Arguments(string id, string? roles, Uri open, Uri closed)
    {
        List<string> arguments =
        [
            "--cell", engine.Cell, "--number", "1", "--region", "bench", "--data", data, "--secrets", secrets, "--generate-secrets", "true",
            "--public", open.GetLeftPart(UriPartial.Authority), "--internal", closed.GetLeftPart(UriPartial.Authority),
            "--messages-per-minute", "0", "--access-token-minutes", "600", "--max-connections", "20000", .. engine.Options,
        ];
        if (roles is not null) arguments.AddRange(["--roles", roles, "--server-id", string.Create(CultureInfo.InvariantCulture, $"{engine.Cell}-{id}")]);
        return arguments;
    }

    private sealed record ChannelAnswer(string ChannelId);
}
