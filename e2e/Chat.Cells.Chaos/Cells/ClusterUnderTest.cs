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
    private readonly string data;

    private ClusterUnderTest(DirectCluster cluster, EngineServers engines, string data)
    {
        this.cluster = cluster;
        this.engines = engines;
        this.data = data;
    }

    public Uri Router => cluster.Router;

    /// <summary>The victim's name.</summary>
    public string Victim => engines.Cells[0].Name;

    /// <summary>Kafka's mock; null where the log isn't the mock's.</summary>
    public ServerProcess? KafkaMock => engines.Processes.FirstOrDefault(p => p.Role == "kafka");

    /// <param name="context">Where to.</param>
    /// <param name="isApart">Two processes of each role on Kafka (the mock) and Redis, with the store in Cassandra where that is given; false: one process a cell, embedded engines.</param>
    /// <param name="isStepped">The cells' processes stop themselves when told to.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SkippedException">Kafka's client or Redis is missing here.</exception>
    public static async Task<ClusterUnderTest> StartAsync(ScenarioContext context, bool isApart, bool isStepped, CancellationToken cancellationToken)
    {
        if (isApart && EngineServers.MissingForSeparateRoles is { } missing) throw new SkippedException(missing);
        var folder = Path.Combine(context.Folder, "cluster");
        EngineServers? started = null;
        try
        {
            started = isApart ? await EngineServers.StartAsync(new EngineRequest { Shared = true, Data = folder }, cancellationToken) : EngineServers.Embedded;
            foreach (var line in isApart ? started.Lines : []) context.Say(line);
            var options = new DirectClusterOptions
            {
                Data = folder,
                Placement = isApart ? Placement.Separate : Placement.Together,
                Engines = started,
                RestartAfter = TimeSpan.FromMilliseconds(100),
            };
            if (isStepped) options = options with { CellProgram = new CellProgram("e2e", "Chat.Cells.Chaos", ["cell"]) };
            return new ClusterUnderTest(await DirectCluster.StartAsync(options, cancellationToken), started, folder);
        }
        catch (ClusterException e)
        {
            if (started is not null) await started.DisposeAsync();
            throw new HarnessException(e.Message, e);
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
        await engines.DisposeAsync();
    }
}
