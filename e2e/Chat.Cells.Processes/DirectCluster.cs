using System.Globalization;
using System.Net;
using Chat.Cells.Client;
using Chat.Cells.Client.Accounts;
using Chat.Cells.Topology;

namespace Chat.Cells.Processes;

/// <summary>
/// Cells, the bridges between them and a router as plain processes, without a Kubernetes API: what a developer of the servers runs against. Everything has a loopback
/// port of its own; killed processes are started again. Where a cell has several processes, a <see cref="TcpForwarder"/> stands for each of its two Services.
/// </summary>
public sealed class DirectCluster : ICluster, IAsyncDisposable
{
    private static readonly string[] SeparateRoles = ["gateway", "fanout", "delivery"];
    private const int MostStarts = 4;
    private readonly DirectClusterOptions options;
    private readonly FreePorts ports = new();
    private readonly ClusterSecrets secrets;
    private readonly List<ServerProcess> processes = [];
    private readonly List<Uri> health = [];
    private readonly List<TcpForwarder> forwarders = [];

    private DirectCluster(DirectClusterOptions options)
    {
        this.options = options;
        secrets = new ClusterSecrets(Path.Combine(options.Data, "secrets"));
        Router = FreePorts.Url(ports.Next());
        var roles = options.Placement == Placement.Separate ? SeparateRoles : ["cell"];
        Victims = [.. roles, "router", "bridge", .. options.Engines.Processes.Select(p => p.Role).Where(r => r == "redis").Distinct()];
    }

    public Uri Router { get; }

    public IReadOnlyList<string> Victims { get; }

    /// <summary>Every process of the cluster, without its engines'. Names: <c>eu-west-1-gateway-0</c>, <c>us-east-1-from-eu-west-1</c>, <c>router</c>.</summary>
    public IReadOnlyList<ServerProcess> Processes => processes;

    /// <summary>Starts everything, and waits until every server is ready and the router finds all cells healthy.</summary>
    /// <param name="options">What it consists of.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ClusterException">Something is not built, or did not become ready.</exception>
    public static async Task<DirectCluster> StartAsync(DirectClusterOptions options, CancellationToken cancellationToken)
    {
        if (options.Placement == Placement.Separate && !options.Engines.AreShared)
        {
            throw new ClusterException("Separate roles need a log and a state that processes share: Kafka and Redis.");
        }
        var cluster = new DirectCluster(options);
        try
        {
            await cluster.StartAllAsync(cancellationToken);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Two cells on embedded engines, one process each.</summary>
    public static Task<DirectCluster> StartAsync(string data, int messagesPerMinute, CancellationToken cancellationToken) =>
        StartAsync(new DirectClusterOptions { Data = data, MessagesPerMinute = messagesPerMinute }, cancellationToken);

    public IReadOnlyList<ProcessRef> Find(string role) =>
        processes.Concat(options.Engines.Processes).Where(p => p.Role == role).Select(p => p.Current).OfType<ProcessRef>().Where(p => p.IsAlive).ToArray();

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(processes.Select(p => p.DisposeAsync().AsTask()));
        processes.Clear();
        await Task.WhenAll(forwarders.Select(f => f.DisposeAsync().AsTask()));
        forwarders.Clear();
        ports.Dispose();
    }

    private async Task StartAllAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.Data);
        var map = Path.Combine(options.Data, CellMapFile.FileName);
        var endpoints = new Dictionary<string, CellEndpoints>();
        foreach (var cell in options.Engines.Cells) endpoints[cell.Name] = AddCell(cell, map);
        var entries = options.Engines.Cells.Select(c => new CellEntry(
            c.Name,
            c.Number,
            c.Region,
            100,
            CellState.Active,
            null,
            endpoints[c.Name],
            [secrets.Write(c.Name, options.Engines.Cells.Where(o => o != c).Select(o => o.Name), options.Engines.Secrets)])).ToArray();
        CellMapFile.Write(map, CellMap.Create(
            1,
            entries,
            options.Engines.Cells.GroupBy(c => c.Region).ToDictionary(r => r.Key, r => (IReadOnlyList<HandleShardRange>)[new HandleShardRange(0, Handle.ShardCount - 1, r.First().Name)]),
            options.Engines.Cells.ToDictionary(c => c.Name, c => c.Number)));
        foreach (var source in options.Engines.Cells)
        {
            foreach (var target in options.Engines.Cells.Where(c => c != source)) AddBridge(source.Name, target.Name, endpoints);
        }
        AddRouter(map);
        foreach (var process in processes) process.Start();
        await WaitUntilHealthyAsync(cancellationToken);
    }

    private CellEndpoints AddCell(CellSpec cell, string map)
    {
        if (options.Placement == Placement.Together)
        {
            var (open, closed) = AddServer("cell", cell, cell.Name, null, map);
            return new CellEndpoints(FreePorts.Url(open), FreePorts.Url(closed));
        }
        var (clients, servers) = (new List<IPEndPoint>(), new List<IPEndPoint>());
        foreach (var role in SeparateRoles)
        {
            for (var copy = 0; copy < options.Copies; copy++)
            {
                var (open, closed) = AddServer(role, cell, string.Create(CultureInfo.InvariantCulture, $"{cell.Name}-{role}-{copy}"), role, map);
                if (role != "gateway") continue;
                clients.Add(new IPEndPoint(IPAddress.Loopback, open));
                servers.Add(new IPEndPoint(IPAddress.Loopback, closed));
            }
        }
        // Clients, other cells and bridges all go to the gateways.
        return new CellEndpoints(FreePorts.Url(Forward(clients)), FreePorts.Url(Forward(servers)));
    }

    private IPEndPoint Forward(List<IPEndPoint> targets)
    {
        var forwarder = TcpForwarder.Start(targets);
        forwarders.Add(forwarder);
        return forwarder.EndPoint;
    }

    private (int Public, int Internal) AddServer(string kind, CellSpec cell, string name, string? roles, string map)
    {
        var (open, closed) = (ports.Next(), ports.Next());
        List<string> arguments =
        [
            "--cell", cell.Name, "--number", cell.Number.ToString(CultureInfo.InvariantCulture), "--region", cell.Region, "--data", Path.Combine(options.Data, cell.Name), "--secrets", secrets.Of(cell.Name),
            "--public", Text(open), "--internal", Text(closed), "--cell-map", map,
            "--messages-per-minute", options.MessagesPerMinute.ToString(CultureInfo.InvariantCulture), "--password-iterations", "1000",
            .. options.EngineArguments(cell.Name, kind, options.Engines.Arguments), .. options.CellArguments,
        ];
        if (roles is not null) arguments.AddRange(["--roles", roles, "--server-id", name]);
        Add(kind, name, ServerCommand.Of(options.CellProgram.Folder, options.CellProgram.Name, [.. options.CellProgram.Arguments, .. arguments]));
        health.Add(new Uri($"{Text(closed)}/readyz"));
        return (open, closed);
    }

    private void AddBridge(string source, string target, Dictionary<string, CellEndpoints> endpoints)
    {
        var name = ClusterSecrets.BridgeOf(source, target);
        Add("bridge", name, ServerCommand.Of("cell", "Chat.Cells.Bridge",
        [
            "--source", source, "--target", target, "--source-url", Text(endpoints[source].Internal), "--target-url", Text(endpoints[target].Internal),
            "--secrets", secrets.Of(name), "--listen", Text(ports.Next()),
        ]));
    }

    private void AddRouter(string map) => Add("router", "router", ServerCommand.Of("router", "Chat.Cells.Router",
        ["--listen", Text(Router), "--internal", Text(ports.Next()), "--cell-map", map, "--sign-ups-per-minute", "0", "--log-ins-per-minute", "0"]));

    private void Add(string role, string name, ServerCommand command) =>
        processes.Add(new ServerProcess(role, name, command, Path.Combine(options.Data, $"{name}.log"), options.RestartAfter));

    private static string Text(int port) => Text(FreePorts.Url(port));

    private static string Text(Uri url) => url.GetLeftPart(UriPartial.Authority);

    private async Task WaitUntilHealthyAsync(CancellationToken cancellationToken)
    {
        using var http = ChatClient.NewHttpClient();
        var accounts = new ChatAccounts(http, Router);
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var waitsFor = "the router to find all cells healthy";
            if (processes.Find(p => p.Starts > MostStarts) is { } ends)
            {
                throw new ClusterException($"{ends.Name} ended {MostStarts} times at its start: {await ends.LastLineAsync(cancellationToken)}");
            }
            try
            {
                foreach (var url in health)
                {
                    waitsFor = $"{url}";
                    (await http.GetAsync(url, cancellationToken)).EnsureSuccessStatusCode().Dispose();
                }
                waitsFor = "the router to find all cells healthy";
                var (_, cells) = await accounts.ListCellsAsync(cancellationToken);
                if (cells.Count == options.Engines.Cells.Count && cells.All(c => c.Healthy)) return;
            }
            catch (Exception e) when (e is HttpRequestException or TimeoutException or ChatApiException)
            {
                // Not up yet: asked again below, within the bound.
                if (TimeProvider.System.GetElapsedTime(start) > options.ReadyBound) throw NotReady($"{waitsFor}: {e.Message}", e);
            }
            if (TimeProvider.System.GetElapsedTime(start) > options.ReadyBound) throw NotReady(waitsFor, null);
            await Task.Delay(100, cancellationToken);
        }
    }

    private ClusterException NotReady(string waitsFor, Exception? inner) =>
        new($"The cluster in {options.Data} did not become ready within {options.ReadyBound.TotalSeconds} s (waited for {waitsFor}); see the logs there.", inner);
}
