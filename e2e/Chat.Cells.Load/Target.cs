using Chat.Cells.Load.CommandLine;
using Chat.Cells.Load.World;
using Chat.Cells.Processes;

namespace Chat.Cells.Load;

/// <summary>What a run talks to: any router, a running local cluster, or one that is started for the run and stopped after it.</summary>
public sealed class Target : IAsyncDisposable
{
    private readonly string? ownData;

    private Target(Uri router, ICluster? cluster, string? ownData)
    {
        Router = router;
        Cluster = cluster;
        this.ownData = ownData;
    }

    public Uri Router { get; }

    /// <summary>Null: only the router is known, nothing can be killed or measured there.</summary>
    public ICluster? Cluster { get; }

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
            var own = await LocalCluster.StartAsync(ownData, cancellationToken);
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
    }
}
