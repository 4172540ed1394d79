using System.Net;
using Chat.Cells.Bridge;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Chaos.Network;
using Chat.Cells.Chaos.Steps;
using Chat.Cells.Router.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Chaos.Cells;

/// <summary>
/// Two cells, their bridges and a router in this process. The first cell, <see cref="Victim"/>, has a server for each role, which the engines see through
/// <see cref="SteppedEngines"/>, so that one of them can be frozen or killed at any step of its work while log, store and state go on, as they do in production.
/// </summary>
public sealed class CellsUnderTest : IAsyncDisposable
{
    public const string Victim = "eu-west-1";
    public const string Other = "us-east-1";

    /// <summary>The link for what cells ask of each other: presence, handles.</summary>
    public const string BetweenCells = "cell-cell";

    private static readonly string[] AllRoles = ["gateway", "fanout", "delivery"];

    private readonly string folder;
    private readonly CellsSettings settings;
    private readonly Deployment deployment;
    private readonly FileLogs logs;
    private readonly FaultProxy publicProxy = FaultProxy.Start($"{Victim} public");
    private readonly FaultProxy internalProxy = FaultProxy.Start($"{Victim} internal");
    private readonly FaultProxy clientLink = FaultProxy.Start("client-router");
    private readonly FaultProxy bridgeSource = FaultProxy.Start("bridge-source");
    private readonly FaultProxy bridgeTarget = FaultProxy.Start("bridge-target");
    private readonly FaultProxy otherPublic = FaultProxy.Start($"{Other} public");
    private readonly FaultProxy otherInternal = FaultProxy.Start($"{Other} internal");

    // What the map says: cells go there, bridges don't.
    private readonly FaultProxy peerInternal = FaultProxy.Start($"{Victim} internal, from {Other}");
    private readonly FaultProxy otherPeerInternal = FaultProxy.Start($"{Other} internal, from {Victim}");
    private readonly Dictionary<string, RunningServer> running = [];
    private readonly List<ServerLife> lives = [];
    private readonly List<Task> ending = [];
    private readonly List<IAsyncDisposable> rest = [];
    private IReadOnlyList<ServerPlan> plan;
    private CellEngines? engines;
    private RouterHost? router;

    private CellsUnderTest(string folder, CellsSettings settings)
    {
        this.folder = folder;
        this.settings = settings;
        plan = settings.Plan;
        Directory.CreateDirectory(folder);
        deployment = new Deployment(Path.Combine(folder, "deployment"));
        logs = new FileLogs(Path.Combine(folder, "servers.log"));
    }

    /// <summary>Where clients go in.</summary>
    public Uri Router => UrlOf(clientLink);

    /// <summary>The links that scenarios may break, by name: <c>client-router</c>, <c>router-cell</c>, <c>bridge-source</c>, <c>bridge-target</c>, <c>cell-cell</c>.</summary>
    public IReadOnlyDictionary<string, IFaultLink> Links => new Dictionary<string, IFaultLink>
    {
        [clientLink.Name] = clientLink,
        ["router-cell"] = publicProxy,
        [bridgeSource.Name] = bridgeSource,
        [bridgeTarget.Name] = bridgeTarget,
        [BetweenCells] = new FaultLinks(BetweenCells, [peerInternal, otherPeerInternal]),
    };

    /// <summary>The victim's steps.</summary>
    public StepBoard Board { get; } = new();

    /// <summary>What the victim's consumer groups have committed.</summary>
    public GroupOffsets Offsets { get; } = new();

    public string VictimData => settings.VictimData ?? Path.Combine(folder, Victim);

    public static async Task<CellsUnderTest> StartAsync(string folder, CellsSettings settings, CancellationToken cancellationToken)
    {
        var cells = new CellsUnderTest(folder, settings);
        try
        {
            await cells.StartAllAsync(cancellationToken);
            return cells;
        }
        catch
        {
            await cells.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a server of the victim; what it replaces must be dead.</summary>
    /// <param name="name">One of the plan's.</param>
    /// <param name="beside">True: a second one, beside a frozen first.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task StartServerAsync(string name, bool beside, CancellationToken cancellationToken)
    {
        var server = plan.Single(p => p.Name == name);
        var life = new ServerLife(name, Board);
        lives.Add(life);
        var id = beside ? name + "-second" : name;
        var options = ShrunkTimes.Of(OptionsOf(Victim, 1, "eu-west", VictimData)) with { ServerId = id, Roles = server.Roles };
        var host = await CellHost.StartAsync(options, SteppedEngines.Around(engines!, Offsets, life), server.Clock, l => logs.Configure(l, id, () => !life.IsDead), cancellationToken);
        if (server.Roles.Contains("gateway"))
        {
            publicProxy.Target = EndPointOf(host.PublicUrl);
            internalProxy.Target = peerInternal.Target = bridgeSource.Target = EndPointOf(host.InternalUrl);
        }
        running[name] = new RunningServer(life, host, server.Roles.Contains("gateway"));
    }

    /// <summary>Kills a server and starts it again, which may step on a trap: then it is killed in the middle of its start.</summary>
    public async Task RestartAsync(string name, StepTrap trap, CancellationToken cancellationToken)
    {
        if (running.ContainsKey(name)) Kill(name);
        var starting = StartServerAsync(name, beside: false, cancellationToken);
        await Task.WhenAny(starting, trap.Sprung);
        if (!starting.IsCompleted && trap is { Kind: TrapKind.Freeze, Sprung.IsCompletedSuccessfully: true }) (await trap.Sprung).Kill();
        try
        {
            await starting;
        }
        catch (ServerDiedException) when (trap.Sprung.IsCompleted)
        {
            // As meant. What is left of it has no connections and no effect.
            running.Remove(name);
        }
    }

    /// <summary>True when a server of that name runs.</summary>
    public bool Runs(string name) => running.ContainsKey(name);

    /// <summary>SIGKILL as far as anybody else can tell: connections are reset, and nothing that it still tries has an effect.</summary>
    public void Kill(string name)
    {
        if (!running.Remove(name, out var server)) throw new InvalidOperationException($"{name} doesn't run.");
        End(server);
    }

    /// <summary>Takes a frozen server's name away: a second one may take its place beside it.</summary>
    public RunningServer Detach(string name) => running.Remove(name, out var server) ? server : throw new InvalidOperationException($"{name} doesn't run.");

    /// <summary>Kills a detached server.</summary>
    public void End(RunningServer server)
    {
        if (server.IsGateway)
        {
            publicProxy.Target = null;
            internalProxy.Target = peerInternal.Target = bridgeSource.Target = null;
            foreach (var link in new[] { publicProxy, internalProxy, peerInternal, bridgeSource }) link.ResetOpen();
        }
        server.Life.Kill();
        ending.Add(Task.Run(async () => await server.Host.DisposeAsync()));
    }

    /// <summary>Kills all of the victim's servers, closes its engines, opens them again from what is on its disk, and starts its servers again.</summary>
    /// <param name="servers">The servers to start.</param>
    /// <param name="engineClock">The engines' clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task RestartVictimAsync(IReadOnlyList<ServerPlan> servers, TimeProvider engineClock, CancellationToken cancellationToken)
    {
        foreach (var name in running.Keys.ToArray()) Kill(name);
        await Task.WhenAll(ending);
        plan = servers;
        if (engines is not null) await engines.DisposeAsync();
        engines = null;
        engines = await OpenAsync(engineClock, cancellationToken);
        foreach (var server in plan) await StartServerAsync(server.Name, beside: false, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (router is not null) await router.DisposeAsync();
        foreach (var name in running.Keys.ToArray()) Kill(name);
        for (var i = rest.Count - 1; i >= 0; i--) await rest[i].DisposeAsync();
        await Task.WhenAll(ending);
        if (engines is not null) await engines.DisposeAsync();
        foreach (var proxy in new[] { clientLink, publicProxy, internalProxy, bridgeSource, bridgeTarget, otherPublic, otherInternal, peerInternal, otherPeerInternal }) await proxy.DisposeAsync();
        foreach (var life in lives) life.Dispose();
        logs.Dispose();
    }

    private static IPEndPoint EndPointOf(Uri url) => new(IPAddress.Parse(url.Host), url.Port);

    private static Uri UrlOf(FaultProxy proxy) => new(FormattableString.Invariant($"http://127.0.0.1:{proxy.Port}"));

    private async Task<CellEngines> OpenAsync(TimeProvider clock, CancellationToken cancellationToken)
    {
        var options = OptionsOf(Victim, 1, "eu-west", VictimData);
        if (settings.Redis is { } redis) options = options with { State = "redis", Redis = redis };
        return settings.Wrap(await CellEngines.OpenAsync(options, clock, NullLoggerFactory.Instance, cancellationToken));
    }

    private async Task StartAllAsync(CancellationToken cancellationToken)
    {
        deployment.Write(
        [
            new DeployedCell(Victim, 1, "eu-west", UrlOf(publicProxy), UrlOf(peerInternal)),
            new DeployedCell(Other, 2, "us-east", UrlOf(otherPublic), UrlOf(otherPeerInternal)),
        ]);
        engines = await OpenAsync(settings.EngineClock, cancellationToken);
        foreach (var server in plan) await StartServerAsync(server.Name, beside: false, cancellationToken);

        var otherOptions = ShrunkTimes.Of(OptionsOf(Other, 2, "us-east", Path.Combine(folder, Other))) with { Roles = AllRoles };
        var other = await CellHost.StartAsync(otherOptions, null, null, l => logs.Configure(l, Other), cancellationToken);
        rest.Add(other);
        otherPublic.Target = EndPointOf(other.PublicUrl);
        otherInternal.Target = otherPeerInternal.Target = bridgeTarget.Target = EndPointOf(other.InternalUrl);

        await StartBridgeAsync(Victim, Other, bridgeSource, bridgeTarget, cancellationToken);
        await StartBridgeAsync(Other, Victim, otherInternal, internalProxy, cancellationToken);

        router = RouterHost.Create(
            new RouterOptions
            {
                Listen = new IPEndPoint(IPAddress.Loopback, 0),
                Internal = new IPEndPoint(IPAddress.Loopback, 0),
                CellMap = deployment.MapPath,
                SignUpsPerMinute = 0,
                LogInsPerMinute = 0,
                HealthInterval = TimeSpan.FromMilliseconds(200),
                Drain = TimeSpan.FromMilliseconds(200),
            },
            logging: l => logs.Configure(l, "router"));
        await router.StartAsync(cancellationToken);
        clientLink.Target = EndPointOf(router.PublicUrl);
    }

    private async Task StartBridgeAsync(string source, string target, FaultProxy sourceLink, FaultProxy targetLink, CancellationToken cancellationToken)
    {
        var options = new BridgeOptions(
            source, target, UrlOf(sourceLink), UrlOf(targetLink), deployment.BridgeSecretsOf(source, target), new IPEndPoint(IPAddress.Loopback, 0));
        var bridge = BridgeHost.Create(options, logging: l => logs.Configure(l, $"bridge {source}-{target}"));
        await bridge.StartAsync(cancellationToken);
        rest.Add(bridge);
    }

    private CellOptions OptionsOf(string cell, ushort number, string region, string data) => new()
    {
        Cell = cell,
        Number = number,
        Region = region,
        DataDirectory = data,
        SecretsDirectory = deployment.SecretsOf(cell),
        CellMapPath = deployment.MapPath,
        Public = new Uri("http://127.0.0.1:0"),
        Internal = new Uri("http://127.0.0.1:0"),
    };
}

/// <summary>A server of the victim that runs.</summary>
public sealed record RunningServer(ServerLife Life, CellHost Host, bool IsGateway);

/// <summary>What a scenario wants of its cells.</summary>
public sealed record CellsSettings
{
    /// <summary>The victim's servers.</summary>
    public IReadOnlyList<ServerPlan> Plan { get; init; } = ServerPlan.Apart;

    /// <summary>Stands between the victim's engines and all its servers.</summary>
    public Func<CellEngines, CellEngines> Wrap { get; init; } = static engines => engines;

    /// <summary>The clock of the victim's engines: what stamps records.</summary>
    public TimeProvider EngineClock { get; init; } = TimeProvider.System;

    /// <summary>The Redis that keeps the victim's state, as <c>host:port</c>; null: it is in memory.</summary>
    public string? Redis { get; init; }

    /// <summary>Where the victim's data is; null: in the scenario's folder.</summary>
    public string? VictimData { get; init; }
}
