using Chat.Cells.Chaos.Network;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Chaos.Scenarios;
using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Chaos.Cells;

/// <summary>Cells, bridges and a router as processes, on embedded engines or on Kafka and Redis. The first cell is the victim.</summary>
public sealed class ClusterUnderTest : IAsyncDisposable
{
    private readonly DirectCluster cluster;
    private readonly EngineServers engines;
    private readonly RoleLinks? links;
    private readonly string data;

    private ClusterUnderTest(DirectCluster cluster, EngineServers engines, RoleLinks? links, string data)
    {
        this.cluster = cluster;
        this.engines = engines;
        this.links = links;
        this.data = data;
    }

    public Uri Router => cluster.Router;

    /// <summary>Kafka's own brokers, and not the mock's.</summary>
    public bool HasBrokers => engines.Log == "kafka";

    /// <summary>The victim's name.</summary>
    public string Victim => engines.Cells[0].Name;

    /// <summary>Kafka's mock; null where the log isn't the mock's.</summary>
    public ServerProcess? KafkaMock => engines.Processes.FirstOrDefault(p => p.Role == "kafka");

    /// <summary>The victim's links to the engine, one for each kind of its servers; empty where none was asked for.</summary>
    public IReadOnlyList<FaultLinks> Links => links?.Links ?? [];

    /// <param name="context">Where to.</param>
    /// <param name="settings">What it consists of.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SkippedException">Kafka's client or Redis is missing here.</exception>
    public static async Task<ClusterUnderTest> StartAsync(ScenarioContext context, ClusterSettings settings, CancellationToken cancellationToken)
    {
        if (settings.IsApart && EngineServers.MissingForSeparateRoles is { } missing) throw new SkippedException(missing);
        var folder = Path.Combine(context.Folder, "cluster");
        EngineServers? started = null;
        RoleLinks? through = null;
        try
        {
            started = settings.IsApart ? await EngineServers.StartAsync(new EngineRequest { Shared = true, Real = settings.IsReal, Data = folder }, cancellationToken) : EngineServers.Embedded;
            foreach (var line in settings.IsApart ? started.Lines : []) context.Say(line);
            var victim = started.Cells[0].Name;
            through = settings.LinksTo is { } engine ? await RoleLinks.ToAsync(engine, started, cancellationToken) : null;
            var options = new DirectClusterOptions
            {
                Data = folder,
                Placement = settings.IsApart ? Placement.Separate : Placement.Together,
                Engines = started,
                RestartAfter = TimeSpan.FromMilliseconds(100),
            };
            if (through is not null) options = options with { EngineArguments = (cell, role, arguments) => cell == victim ? through.Through(role, arguments) : arguments };
            if (settings.IsStepped) options = options with { CellProgram = new CellProgram("e2e", "Chat.Cells.Chaos", ["cell"]) };
            return new ClusterUnderTest(await DirectCluster.StartAsync(options, cancellationToken), started, through, folder);
        }
        catch (Exception e)
        {
            if (through is not null) await through.DisposeAsync();
            if (started is not null) await started.DisposeAsync();
            if (e is ClusterException) throw new HarnessException(e.Message, e);
            throw;
        }
    }

    /// <summary>The victim's processes of a kind: <c>cell</c>, <c>gateway</c>, <c>fanout</c>, <c>delivery</c>.</summary>
    public IReadOnlyList<ServerProcess> Processes(string kind) =>
        [.. cluster.Processes.Where(p => p.Role == kind && p.Name.StartsWith(Victim, StringComparison.Ordinal))];

    /// <summary>The same, as processes that stop themselves.</summary>
    public IReadOnlyList<SteppedProcess> Stepped(string kind) =>
        [.. Processes(kind).Select(p => new SteppedProcess(p, Path.Combine(data, Victim), kind == "cell" ? "server-0" : p.Name))];

    /// <summary>A file of the victim's secrets.</summary>
    public string SecretFile(string name) => Path.Combine(data, "secrets", Victim, name);

    public async ValueTask DisposeAsync()
    {
        await cluster.DisposeAsync();
        if (links is not null) await links.DisposeAsync();
        await engines.DisposeAsync();
    }
}

/// <summary>What a scenario wants of its processes.</summary>
public sealed record ClusterSettings
{
    /// <summary>Two processes of each role on Kafka (the mock) and Redis, with the store in Cassandra where that is given; false: one process a cell, embedded engines.</summary>
    public bool IsApart { get; init; }

    /// <summary>On the servers that the environment names, instead of the run's own.</summary>
    public bool IsReal { get; init; }

    /// <summary>The cells' processes stop themselves when told to.</summary>
    public bool IsStepped { get; init; }

    /// <summary>The engine to which the victim's links can be broken: one of <see cref="RoleLinks"/>'s; null: none.</summary>
    public string? LinksTo { get; init; }
}
