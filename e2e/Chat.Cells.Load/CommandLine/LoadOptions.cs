using System.Globalization;
using Chat.Cells.Processes;

namespace Chat.Cells.Load.CommandLine;

/// <summary>What a run is told on the command line.</summary>
public sealed record LoadOptions
{
    public const string Help = """
        usage: Chat.Cells.Load <verb> [options]
          smoke   chat in all regions while servers are killed; the history checker judges; exit code 0 or 1
          bench   latency at a steady rate and the highest rate; writes artifacts/bench-cells.json
          check FILE   judge a recording again

          --cluster FILE    a running cluster's cluster.json (default: start one for the run, and stop it after)
          --router URL      any router; nothing is killed there
          --direct yes      start cells, bridges and router as plain processes, without a Kubernetes API and without rate limits
          --roles separate  a process of its own for each role of a cell, two of each, on Kafka (a mock) and Redis, which are started for the run
          --engines real    on the servers that KAFKA_BOOTSTRAP_SERVERS, CASSANDRA_CONTACT_POINTS and REDIS_URL name; what isn't named is as without
          --seed N          repeats a run's choices (default: random, printed)
          --kills A,B       smoke: what is killed, in this order (default: everything that can be); none: nothing
          --messages N      smoke: messages to send (default 5000)
          --rate N          messages a second (default smoke 65, bench 200)
          --seconds N       bench: length of the steady part (default 20)
          --users N         bench: users (default 100)
          --artifacts DIR   where results go (default artifacts/ in the repository)
        """;

    public string? Cluster { get; init; }

    public Uri? Router { get; init; }

    public bool Direct { get; init; }

    public Placement Placement { get; init; }

    /// <summary>Engines from the environment.</summary>
    public bool RealEngines { get; init; }

    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);

    public int Messages { get; init; } = 5_000;

    /// <summary>Roles; null: all that the cluster has.</summary>
    public IReadOnlyList<string>? Kills { get; init; }

    public double Rate { get; init; }

    public int Seconds { get; init; } = 20;

    public int Users { get; init; } = 100;

    public string Artifacts { get; init; } = Path.Combine(Repository.Root, "artifacts");

    /// <exception cref="LoadException">An option is not known or has a bad value.</exception>
    public static LoadOptions Parse(IReadOnlyList<string> arguments, double defaultRate)
    {
        var options = new LoadOptions { Rate = defaultRate };
        for (var i = 0; i < arguments.Count; i += 2)
        {
            var name = arguments[i];
            var value = i + 1 < arguments.Count ? arguments[i + 1] : throw new LoadException($"{name} needs a value.");
            options = name switch
            {
                "--cluster" => options with { Cluster = Path.GetFullPath(value) },
                "--router" => options with { Router = Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url : throw new LoadException($"{value} is not an http URL.") },
                "--direct" => options with { Direct = Choice(name, value, "no", "yes") == "yes" },
                "--roles" => options with { Placement = Choice(name, value, "together", "separate") == "separate" ? Placement.Separate : Placement.Together },
                "--engines" => options with { RealEngines = Choice(name, value, "embedded", "real") == "real" },
                "--seed" => options with { Seed = Number(name, value) },
                "--kills" => options with { Kills = value == "none" ? [] : value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) },
                "--messages" => options with { Messages = Number(name, value) },
                "--rate" => options with { Rate = Number(name, value) },
                "--seconds" => options with { Seconds = Number(name, value) },
                "--users" => options with { Users = Number(name, value) },
                "--artifacts" => options with { Artifacts = Path.GetFullPath(value) },
                _ => throw new LoadException($"{name} is not an option.\n{Help}"),
            };
        }
        return options;
    }

    private static string Choice(string name, string text, params string[] choices) =>
        choices.Contains(text, StringComparer.Ordinal) ? text : throw new LoadException($"{name} {text}: it is {string.Join(" or ", choices)}.");

    private static int Number(string name, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : throw new LoadException($"{name} {text}: a whole number above 0 is needed.");
}
