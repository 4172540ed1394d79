using System.Globalization;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Processes;

namespace Chat.Cells.Chaos.CommandLine;

/// <summary>What a run is told on the command line.</summary>
public sealed record ChaosOptions
{
    public const string Help = """
        usage: Chat.Cells.Chaos [options]
          --seed N          repeats a run's choices (default: random, printed)
          --only NAME,…     these scenarios; a name may end in *
          --short           the scenarios and samples that are part of the tests
          --real            cells of several processes run on the servers that KAFKA_BOOTSTRAP_SERVERS, CASSANDRA_CONTACT_POINTS and REDIS_URL name
          --artifacts DIR   where recordings and logs go (default artifacts/chaos in the repository)
          --jobs N          how many at a time (default 2; 1 in the short form and with --real)
          --within MINUTES  what isn't done by then isn't done at all, and exit code 3 (default: three times what the run should take, and two minutes)
          --summary         ends with the counts that `make test` reads
          --list            names the scenarios
        exit code: 0 nothing lost, doubled or reordered, all recovered; 1 the servers failed; 2 a scenario could not do what it is for; 3 the machine is too small, full or slow
        """;

    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);

    public IReadOnlyList<string>? Only { get; init; }

    public bool IsShort { get; init; }

    /// <summary>On the servers that the environment names, where a scenario can.</summary>
    public bool IsReal { get; init; }

    public bool List { get; init; }

    /// <summary>How many scenarios at a time; null: the form's default.</summary>
    public int? Jobs { get; init; }

    /// <summary>Minutes for the whole run; null: a multiple of what it should take.</summary>
    public int? Within { get; init; }

    public bool Summary { get; init; }

    public string Artifacts { get; init; } = Path.Combine(Repository.Root, "artifacts", "chaos");

    /// <exception cref="HarnessException">An option is not known or has a bad value.</exception>
    public static ChaosOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new ChaosOptions();
        for (var i = 0; i < arguments.Count; i++)
        {
            var name = arguments[i];
            options = name switch
            {
                "--short" => options with { IsShort = true },
                "--real" => options with { IsReal = true },
                "--summary" => options with { Summary = true },
                "--list" => options with { List = true },
                "--seed" => options with { Seed = Number(0) },
                "--jobs" => options with { Jobs = Number(1) },
                "--within" => options with { Within = Number(1) },
                "--only" => options with { Only = Value().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) },
                "--artifacts" => options with { Artifacts = Path.GetFullPath(Value()) },
                _ => throw new HarnessException($"{name} is not an option.\n{Help}"),
            };

            int Number(int least) => int.TryParse(Value(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least
                ? number
                : throw new HarnessException(FormattableString.Invariant($"{name} needs a whole number from {least}."));

            string Value() => ++i < arguments.Count ? arguments[i] : throw new HarnessException($"{name} needs a value.");
        }
        return options;
    }
}
