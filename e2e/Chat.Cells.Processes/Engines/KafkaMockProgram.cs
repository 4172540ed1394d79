using System.Text.Json;
using Chat.Cells.Cell.Engines.Kafka;

namespace Chat.Cells.Processes.Engines;

/// <summary>librdkafka's mock cluster as a process of the run. It has the topics of all cells; what it holds is in memory, so that it is never started again.</summary>
internal static class KafkaMockProgram
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <summary>Null where it can be run; else what is missing.</summary>
    public static string? Missing
    {
        get
        {
            try
            {
                LibrdkafkaLoader.EnsureLoaded();
                return null;
            }
            catch (DllNotFoundException e)
            {
                return e.Message;
            }
        }
    }

    /// <summary>Starts it and waits for its address.</summary>
    /// <exception cref="ClusterException">It isn't built, or librdkafka is missing.</exception>
    public static async Task<(ServerProcess Process, string Bootstrap)> StartAsync(string folder, IReadOnlyList<CellSpec> cells, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        var info = Path.Combine(folder, "kafka.json");
        var log = Path.Combine(folder, "kafka.log");
        File.Delete(info);
        var command = ServerCommand.Of("e2e", "Chat.Cells.KafkaMock", ["--listen-info", info, "--cells", string.Join(',', cells.Select(c => c.Name))]);
        var process = new ServerProcess("kafka", "kafka-mock", command, log, TimeSpan.FromSeconds(1));
        process.Hold();
        process.Start();
        try
        {
            var start = TimeProvider.System.GetTimestamp();
            while (!File.Exists(info))
            {
                if (process.Current is { IsAlive: false }) throw new ClusterException($"The mock Kafka ended at once: {await process.LastLineAsync(cancellationToken) ?? "it said nothing."}");
                if (TimeProvider.System.GetElapsedTime(start) > Bound) throw new ClusterException($"The mock Kafka did not start within {Bound.TotalSeconds} s; see {log}.");
                await Task.Delay(50, cancellationToken);
            }
            using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(info, cancellationToken));
            return (process, json.RootElement.GetProperty("bootstrap").GetString()!);
        }
        catch (Exception)
        {
            await process.DisposeAsync();
            throw;
        }
    }
}
