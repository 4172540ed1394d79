using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Bench.Servers;

/// <summary>What stands behind the cell's ports in a run. Disposed after the cell: what the cell left in servers that outlive the run is removed, and servers of the run end.</summary>
internal sealed class Engine : IAsyncDisposable
{
    public const string KafkaMock = "kafka-mock";

    private readonly EngineServers servers;

    private Engine(string label, EngineServers servers)
    {
        Label = label;
        this.servers = servers;
        // Two cells are named for every run of servers; one of them is measured.
        Cell = servers.Cells[0].Name;
    }

    /// <summary>As in <c>bench.json</c>.</summary>
    public string Label { get; }

    /// <summary>The name of the cell, which all that it keeps in a server begins with. On servers that outlive the run it is like no other run's.</summary>
    public string Cell { get; }

    /// <summary>The cell's options.</summary>
    public IReadOnlyList<string> Options => servers.Arguments;

    /// <summary>Files for the cell's secrets folder.</summary>
    public IReadOnlyDictionary<string, string> Secrets => servers.Secrets;

    /// <summary>What each port runs against, in words.</summary>
    public IReadOnlyList<string> Lines => servers.Lines;

    /// <summary>CPU seconds that the servers of the run have used: its Redis and its mock broker; none for servers that were given.</summary>
    public double CpuSeconds => servers.Processes.Sum(p => p.Current?.CpuSeconds ?? 0);

    /// <summary>Whether figures are held against targets.</summary>
    public bool HasTargets => Label != KafkaMock;

    /// <summary>Why nothing in this engine is safe, which the cell can't know; null when that is not so.</summary>
    public string? NotDurable => servers.Log == KafkaMock ? "the broker is librdkafka's mock, which keeps records in memory only" : null;

    public static Engine Embedded() => new("embedded", EngineServers.Embedded);

    /// <summary>Starts a mock Kafka and a Redis for the run, whatever servers the environment names.</summary>
    /// <exception cref="BenchException">Something for it is missing on this machine.</exception>
    public static Task<Engine> StartMockAsync(string folder, CancellationToken cancellationToken) =>
        StartAsync(new EngineRequest { Shared = true, Data = folder, MockFetchWait = TimeSpan.FromMilliseconds(5), Environment = static _ => null }, cancellationToken);

    /// <summary>The servers that the environment names.</summary>
    /// <param name="folder">For servers of the run.</param>
    /// <param name="shared">Several processes of the cell need them: where the environment names no Redis, one is started.</param>
    /// <param name="environment">Reads a variable.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BenchException">A server doesn't answer, or a variable can't be used.</exception>
    public static Task<Engine> FromEnvironmentAsync(string folder, bool shared, Func<string, string?> environment, CancellationToken cancellationToken) =>
        StartAsync(new EngineRequest { Real = true, Shared = shared, Data = folder, Environment = environment }, cancellationToken);

    /// <summary>Labels of real servers name all of them; the mock's name says what matters.</summary>
    internal static string LabelOf(string log, string store, string state) =>
        log == KafkaMock ? KafkaMock : log + (state == "redis" ? "+redis" : "") + (store == "cassandra" ? "+cassandra" : "");

    /// <exception cref="BenchException">What the run left in a server could not be removed.</exception>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await servers.DisposeAsync();
        }
        catch (ClusterException e)
        {
            throw new BenchException(e.Message, e);
        }
    }

    private static async Task<Engine> StartAsync(EngineRequest request, CancellationToken cancellationToken)
    {
        try
        {
            var started = await EngineServers.StartAsync(request, cancellationToken);
            return new Engine(LabelOf(started.Log, started.Store, started.State), started);
        }
        catch (ClusterException e)
        {
            throw new BenchException(e.Message, e);
        }
    }
}
