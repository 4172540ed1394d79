using Chat.Cells.Processes;

namespace Chat.Cells.Bench.CommandLine;

/// <summary>What <c>growth</c> is told on the command line.</summary>
internal sealed record GrowthOptions
{
    public const string Users = "users";
    public const string Members = "members";
    public const string Gateways = "gateways";

    public const string Help = """
        usage: Chat.Cells.Bench growth [options]
          Measures how the cost of a delivery grows, each point in a fresh cell, and writes docs/growth.json, docs/images/growth.svg and the table of docs/performance.md.

          --series NAME     users, members or gateways; several separated by commas (default: all). Of the others the figures that docs/growth.json has are kept.
          --artifacts DIR   where cells keep their data (default artifacts/ in the repository)
          --docs DIR        where the results go (default docs/ in the repository)
        """;

    private static readonly string[] All = [Users, Members, Gateways];

    public IReadOnlyList<string> Series { get; init; } = All;

    public string Artifacts { get; init; } = Path.Combine(Repository.Root, "artifacts");

    public string Docs { get; init; } = Path.Combine(Repository.Root, "docs");

    /// <exception cref="BenchException">An option is not known or has a bad value.</exception>
    public static GrowthOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new GrowthOptions();
        for (var i = 0; i < arguments.Count; i += 2)
        {
            var name = arguments[i];
            var value = i + 1 < arguments.Count ? arguments[i + 1] : throw new BenchException($"{name} needs a value.");
            options = name switch
            {
                "--series" => options with { Series = BenchOptions.Names(name, value, All) },
                "--artifacts" => options with { Artifacts = Path.GetFullPath(value) },
                "--docs" => options with { Docs = Path.GetFullPath(value) },
                _ => throw new BenchException($"{name} is not an option.\n{Help}"),
            };
        }
        return options;
    }
}
