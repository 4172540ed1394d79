using System.Security.Cryptography;

namespace Chat.Cells.Processes.Engines;

/// <summary>The engines that the cells of a run share or keep, and the servers that were started for it. Disposed after the cells have stopped: removes what they left in servers that outlive the run.</summary>
public sealed class EngineServers : IAsyncDisposable
{
    private static readonly TimeSpan CleanBound = TimeSpan.FromSeconds(60);

    private readonly PortEngine log;
    private readonly PortEngine store;
    private readonly PortEngine state;

    private EngineServers(IReadOnlyList<CellSpec> cells, PortEngine log, PortEngine store, PortEngine state)
    {
        Cells = cells;
        this.log = log;
        this.store = store;
        this.state = state;
        Processes = Ports.Select(p => p.Process).OfType<ServerProcess>().ToArray();
        Secrets = Ports.SelectMany(p => p.Secrets).ToDictionary();
    }

    /// <summary>Two cells whose engines are embedded: each cell is one process.</summary>
    public static EngineServers Embedded => new(CellSpec.Two(), PortEngines.SegmentFiles, PortEngines.SqliteFile, PortEngines.Memory);

    /// <summary>The cells. On servers that outlive the run their names are like no other run's, because all that a cell keeps in a server bears its name.</summary>
    public IReadOnlyList<CellSpec> Cells { get; }

    /// <summary><c>embedded</c>, <c>kafka-mock</c> or <c>kafka</c>.</summary>
    public string Log => log.Label;

    /// <summary><c>embedded</c> or <c>cassandra</c>.</summary>
    public string Store => store.Label;

    /// <summary><c>embedded</c> or <c>redis</c>.</summary>
    public string State => state.Label;

    /// <summary>Several processes of one cell can use them.</summary>
    public bool AreShared => log.Label != "embedded" && state.Label != "embedded";

    /// <summary>What each port runs against, in words, one line each.</summary>
    public IReadOnlyList<string> Lines => [$"log: {log.Line}", $"store: {store.Line}", $"state: {state.Line}"];

    /// <summary>The servers started for the run; roles <c>redis</c> and <c>kafka</c>.</summary>
    public IReadOnlyList<ServerProcess> Processes { get; }

    /// <summary>Files that every cell's secrets need.</summary>
    public IReadOnlyDictionary<string, string> Secrets { get; }

    /// <summary>The options of a cell's servers.</summary>
    public IReadOnlyList<string> Arguments => [.. Ports.SelectMany(p => p.Arguments)];

    private IEnumerable<PortEngine> Ports => [log, store, state];

    /// <summary>What this machine lacks for cells with a process for each role, without any server given; null: nothing.</summary>
    public static string? MissingForSeparateRoles => RedisProgram.Missing ?? KafkaMockProgram.Missing;

    /// <summary>Chooses the engines and starts what is to be started.</summary>
    /// <exception cref="ClusterException">Something that was asked for is missing or does not answer; the message says what.</exception>
    public static async Task<EngineServers> StartAsync(EngineRequest request, CancellationToken cancellationToken)
    {
        var given = RealServers.Read(request.Environment);
        if (request.Real && given.Missing.Count == 3) throw new ClusterException($"No real engine is given. Set one or more of: {string.Join("; ", given.Missing)}.");
        // Without real engines only the store is taken where it is given: there is no Cassandra to start here.
        if (!request.Real) given = request.Shared ? given with { Kafka = null, Redis = null, RedisPassword = null } : new RealServers();
        var outlive = given.Missing.Count < 3;
        var cells = CellSpec.Two(outlive ? "-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3)) : "");
        var ports = new PortEngines(request, given, cells);
        var started = new List<PortEngine>();
        try
        {
            started.Add(await ports.StartLogAsync(cancellationToken));
            started.Add(await ports.StartStoreAsync(cancellationToken));
            started.Add(await ports.StartStateAsync(cancellationToken));
            return new EngineServers(cells, started[0], started[1], started[2]);
        }
        catch
        {
            foreach (var process in started.Select(p => p.Process).OfType<ServerProcess>()) await process.DisposeAsync();
            throw;
        }
    }

    /// <exception cref="ClusterException">What the run left in a server could not be removed; the message names it.</exception>
    public async ValueTask DisposeAsync()
    {
        using var bound = new CancellationTokenSource(CleanBound);
        var failed = new List<string>();
        foreach (var port in Ports)
        {
            if (port.Clean is { } clean) await TryCleanAsync(port, clean, failed, bound.Token);
        }
        foreach (var process in Processes) await process.DisposeAsync();
        foreach (var port in Ports) port.Ports?.Dispose();
        if (failed.Count > 0) throw new ClusterException($"What cells {string.Join(", ", Cells.Select(c => c.Name))} left could not be removed: {string.Join("; ", failed)}");
    }

    private static async Task TryCleanAsync(PortEngine port, Func<CancellationToken, Task> clean, List<string> failed, CancellationToken cancellationToken)
    {
        try
        {
            await clean(cancellationToken);
        }
        catch (Exception e) // an engine's own kinds; the others are cleaned all the same, and the run says so
        {
            failed.Add($"{port.Label}: {e.Message}");
        }
    }
}
