using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>What scripts read about a running cluster, <c>cluster.json</c>; the file exists only while the cluster is ready.</summary>
public sealed record ClusterDescription
{
    public required string ApiServerUrl { get; init; }

    public required string Kubeconfig { get; init; }

    public required string RouterUrl { get; init; }

    public required string DataDir { get; init; }

    /// <summary>Process ids by name: up, apiserver, pods, services. A process that was restarted has its new id here.</summary>
    public required IReadOnlyDictionary<string, int> Pids { get; init; }

    /// <summary>Start times in clock ticks since boot, by the same names.</summary>
    public required IReadOnlyDictionary<string, long> StartTimes { get; init; }

    /// <summary>Seconds from the start of <c>up</c> until everything was ready.</summary>
    public double ReadyAfterSeconds { get; init; }

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Writes the file in one step.</summary>
    public void Write(ClusterPaths paths) => DurableFile.Write(paths.Description, JsonSerializer.Serialize(this, Json));

    /// <summary>Reads it; null when there is none.</summary>
    public static ClusterDescription? Read(ClusterPaths paths) =>
        File.Exists(paths.Description) ? JsonSerializer.Deserialize<ClusterDescription>(File.ReadAllText(paths.Description), Json) : null;
}
