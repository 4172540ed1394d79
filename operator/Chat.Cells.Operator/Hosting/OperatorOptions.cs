namespace Chat.Cells.Operator.Hosting;

/// <summary>How the operator runs; from the command line or the environment (<c>CHATCELLS_…</c>).</summary>
public sealed record OperatorOptions
{
    /// <summary>The operator's own namespace: lease and cell map live there.</summary>
    public string Namespace { get; init; } = "chat-cells-system";

    /// <summary>Where /healthz, /readyz and /metrics are served.</summary>
    public string Listen { get; init; } = "http://127.0.0.1:8083";

    /// <summary>Image of cells.</summary>
    public string CellImage { get; init; } = "chat-cells/cell:dev";

    /// <summary>Image of bridges.</summary>
    public string BridgeImage { get; init; } = "chat-cells/bridge:dev";

    /// <summary>Browser origins that cells accept, separated by commas.</summary>
    public string AllowedOrigins { get; init; } = string.Empty;

    /// <summary>Who this process is in leader election.</summary>
    public string Identity { get; init; } = $"{Environment.MachineName}-{Guid.NewGuid():N}";

    /// <summary>Run only while holding the lease.</summary>
    public bool LeaderElection { get; init; } = true;

    /// <summary>Cells reconciled at once.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>How often every cell is reconciled though nothing is known to have changed.</summary>
    public TimeSpan Resync { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often a serving cell is asked for its connections and users.</summary>
    public TimeSpan ReportInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How soon a secret is looked at again that a cell waits for.</summary>
    public TimeSpan SecretPoll { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a drained cell waits before its users are counted: routers and cells have read the new cell map by then. A kubelet may take more than a minute to refresh a mounted ConfigMap.</summary>
    public TimeSpan DrainSettle { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>How soon a waiting deletion is looked at again.</summary>
    public TimeSpan DeletionPoll { get; init; } = TimeSpan.FromSeconds(5);
}
