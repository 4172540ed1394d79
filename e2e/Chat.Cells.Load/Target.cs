using Chat.Cells.Load.CommandLine;
using Chat.Cells.Load.World;
using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Load;

/// <summary>What a run talks to: any router, a running local cluster, or one that is started for the run and stopped after it.</summary>
public sealed class Target : IAsyncDisposable
{
    /// <summary>What a cell allows each user when nobody says otherwise.</summary>
    private const int DefaultMessagesPerMinute = 60;

    private readonly string? ownData;

    private Target(Uri router, ICluster? cluster, string? ownData, EngineServers? engines = null)
    {
        Router = router;
        Cluster = cluster;
        Engines = engines;
        this.ownData = ownData;
    }

    public Uri Router { get; }

    /// <summary>Null: only the router is known, nothing can be killed or measured there.</summary>
    public ICluster? Cluster { get; }

    /// <summary>What the cells run on, where this program chose it; else null.</summary>
    public EngineServers? Engines { get; }

    public static async Task<Target> OpenAsync(LoadOptions options, string ownData, Progress progress, CancellationToken cancellationToken)
    {
        if (options.Router is { } router)
        {
            progress.Say($"against the router {router}: nothing is killed");
            return new Target(router, null, null);
        }
        if (options.Cluster is { } description)
        {
            var running = LocalCluster.Open(description);
            progress.Say($"against the running cluster {description}");
            return new Target(running.Router, running, null);
        }
        if (options.Placement == Placement.Separate || options.RealEngines) return await StartProcessesAsync(options, ownData, progress, cancellationToken);
        if (options.Direct)
        {
            if (Directory.Exists(ownData)) Directory.Delete(ownData, recursive: true);
            progress.Say($"starting cells, bridges and router as plain processes in {ownData}; no rate limit");
            var direct = await DirectCluster.StartAsync(ownData, messagesPerMinute: 0, cancellationToken);
            return new Target(direct.Router, direct, null);
        }
        progress.Say($"starting a cluster of its own in {ownData}");
        try
        {
            await LocalCluster.StopAsync(ownData); // One that an interrupted run left.
            if (Directory.Exists(ownData)) Directory.Delete(ownData, recursive: true);
            var own = await LocalCluster.StartAsync(ownData, manifests: null, cancellationToken);
            progress.Say($"the cluster is ready: {own.Router}");
            return new Target(own.Router, own, ownData);
        }
        catch
        {
            await LocalCluster.StopAsync(ownData);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (ownData is not null) await LocalCluster.StopAsync(ownData);
        if (Cluster is DirectCluster direct) await direct.DisposeAsync();
        if (Engines is not null) await Engines.DisposeAsync();
    }

    /// <summary>Plain processes on engines that are more than embedded.</summary>
    private static async Task<Target> StartProcessesAsync(LoadOptions options, string data, Progress progress, CancellationToken cancellationToken)
    {
        if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        var engines = await EngineServers.StartAsync(new EngineRequest { Data = data, Real = options.RealEngines, Shared = options.Placement == Placement.Separate }, cancellationToken);
        try
        {
            foreach (var line in engines.Lines) progress.Say(line);
            var request = new DirectClusterOptions { Data = data, Engines = engines, Placement = options.Placement, MessagesPerMinute = DefaultMessagesPerMinute };
            progress.Say(options.Placement == Placement.Separate
                ? $"starting {engines.Cells.Count} cells with {request.Copies} processes of each role, bridges and router in {data}"
                : $"starting {engines.Cells.Count} cells of one process each, bridges and router in {data}");
            var cluster = await DirectCluster.StartAsync(request, cancellationToken);
            progress.Say($"{cluster.Processes.Count} processes are ready: {cluster.Router}");
            return new Target(cluster.Router, cluster, null, engines);
        }
        catch
        {
            await engines.DisposeAsync();
            throw;
        }
    }
}
