using System.Text.Json;

namespace Chat.Cells.Bench.Servers;

/// <summary>When an acked message is safe in a run, by what its servers said of themselves.</summary>
/// <param name="Log">As the running cell tells it.</param>
/// <param name="Store">As the running cell tells it.</param>
/// <param name="Void">Why the run's figures count for nothing: something isn't durable. Null when all is.</param>
public sealed record Durability(string Log, string Store, string? Void)
{
    private static readonly string[] Volatile = ["tmpfs", "ramfs"];

    /// <summary>Reads a cell's answer to <c>GET /internal/v1/status</c>.</summary>
    /// <param name="fileSystem">Of the cell's data folder: where that is in memory, an fsync does nothing.</param>
    /// <param name="notDurable">What the bench knows and the cell doesn't; null for nothing.</param>
    /// <exception cref="BenchException">The answer doesn't say.</exception>
    public static Durability Read(string status, string fileSystem, string? notDurable)
    {
        try
        {
            using var json = JsonDocument.Parse(status);
            var answer = json.RootElement.GetProperty("durability");
            var (log, store) = (Port(answer, "log"), Port(answer, "store"));
            var faults = new List<string>();
            if (!log.Durable) faults.Add($"the log is not durable ({log.Text})");
            if (!store.Durable) faults.Add($"the store is not durable ({store.Text})");
            if (Volatile.Contains(fileSystem) && (log.OnDisk || store.OnDisk)) faults.Add($"the cell's data folder is in memory ({fileSystem})");
            if (notDurable is not null) faults.Add(notDurable);
            return new Durability(log.Text, store.Text, faults.Count == 0 ? null : string.Join("; ", faults));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new BenchException($"The cell does not say whether its engines are durable: {e.Message}", e);
        }
    }

    private static (string Text, bool Durable, bool OnDisk) Port(JsonElement answer, string port)
    {
        var engine = answer.GetProperty(port);
        var name = engine.GetProperty("engine").GetString();
        return ($"{name}: {engine.GetProperty("detail").GetString()}", engine.GetProperty("durable").GetBoolean(), name is "segment-files" or "sqlite");
    }
}
