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
          --artifacts DIR   where recordings and logs go (default artifacts/chaos in the repository)
          --summary         ends with the counts that `make test` reads
          --list            names the scenarios
        exit code: 0 nothing lost, doubled or reordered, all recovered; 1 the servers failed; 2 a scenario could not do what it is for; 3 the machine is too small, full or slow
        """;

    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);

    public IReadOnlyList<string>? Only { get; init; }

    public bool IsShort { get; init; }

    public bool List { get; init; }

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
                "--summary" => options with { Summary = true },
                "--list" => options with { List = true },
                "--seed" => options with { Seed = int.TryParse(Value(), NumberStyles.None, CultureInfo.InvariantCulture, out var seed) ? seed : throw new HarnessException("--seed needs a whole number.") },
                "--only" => options with { Only = Value().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) },
                "--artifacts" => options with { Artifacts = Path.GetFullPath(Value()) },
                _ => throw new HarnessException($"{name} is not an option.\n{Help}"),
            };

            string Value() => ++i < arguments.Count ? arguments[i] : throw new HarnessException($"{name} needs a value.");
        }
        return options;
    }
}
