using System.Globalization;
using Chat.Cells.Processes;

namespace Chat.Cells.Bench.CommandLine;

/// <summary>What a run is told on the command line.</summary>
internal sealed record BenchOptions
{
    public const string Help = """
        usage: Chat.Cells.Bench [options]
          Measures one cell (one process, all roles, no router), a bare WebSocket broadcaster with the same generator and frames, and the log and store without sockets.
          Prints a table and writes artifacts/bench.json.

          --workload NAME   idle, direct, group50, storm or socket-free; several separated by commas (default: all)
          --engine NAME     embedded, bare, kafka (what KAFKA_BOOTSTRAP_SERVERS, REDIS_URL and CASSANDRA_CONTACT_POINTS name) or kafka-mock (a mock broker and a
                            Redis of the run: void, because the mock keeps records in memory); several separated by commas
                            (default: embedded,bare and, when KAFKA_BOOTSTRAP_SERVERS is set, kafka)
          --quick           shorter phases and fewer clients: to see that it works
          --idle N          idle clients (default 18000)
          --storm N         clients of the storm (default 10000)
          --sockets N       sockets of direct and group50 (default 500)
          --rate N          direct and group50 at so many messages a second, four times, and no search for the highest rate: to compare two builds of the cell
          --artifacts DIR   where results go (default artifacts/ in the repository)
        """;

    private static readonly string[] AllWorkloads = ["idle", "direct", "group50", "storm", "socket-free"];
    private static readonly string[] AllEngines = ["embedded", "bare", "kafka", "kafka-mock"];

    public IReadOnlyList<string> Workloads { get; init; } = AllWorkloads;

    public IReadOnlyList<string> Engines { get; init; } = [];

    public bool Quick { get; init; }

    public int Idle { get; init; } = 18_000;

    public int Storm { get; init; } = 10_000;

    public int Sockets { get; init; } = 500;

    /// <summary>Messages a second; 0: the highest rate is searched for.</summary>
    public int Rate { get; init; }

    public string Artifacts { get; init; } = Path.Combine(Repository.Root, "artifacts");

    /// <exception cref="BenchException">An option is not known or has a bad value.</exception>
    public static BenchOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new BenchOptions();
        for (var i = 0; i < arguments.Count; i++)
        {
            var name = arguments[i];
            if (name == "--quick")
            {
                options = options with { Quick = true, Idle = Math.Min(options.Idle, 4_000), Storm = Math.Min(options.Storm, 2_000) };
                continue;
            }
            var value = ++i < arguments.Count ? arguments[i] : throw new BenchException($"{name} needs a value.");
            options = name switch
            {
                "--workload" => options with { Workloads = Names(name, value, AllWorkloads) },
                "--engine" => options with { Engines = Names(name, value, AllEngines) },
                "--idle" => options with { Idle = Number(name, value, 18_000) },
                "--storm" => options with { Storm = Number(name, value, 18_000) },
                "--sockets" => options with { Sockets = Number(name, value, 18_000) },
                "--rate" => options with { Rate = Number(name, value, 1_000_000) },
                "--artifacts" => options with { Artifacts = Path.GetFullPath(value) },
                _ => throw new BenchException($"{name} is not an option.\n{Help}"),
            };
        }
        if (options.Sockets % 100 != 0) throw new BenchException($"--sockets {options.Sockets}: whole rooms of 50 and of 2 are needed, so a multiple of 100.");
        return options;
    }

    internal static string[] Names(string name, string value, string[] known)
    {
        var names = value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var unknown = names.Except(known, StringComparer.Ordinal).FirstOrDefault();
        if (unknown is not null || names.Length == 0) throw new BenchException($"{name} '{unknown}' is not known; it is one of {string.Join(", ", known)}.");
        return names;
    }

    private static int Number(string name, string text, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 && number <= most
            ? number
            : throw new BenchException($"{name} {text}: a whole number from 1 to {most} is needed.");
}
