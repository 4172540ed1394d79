using Chat.Cells.Chaos.Reporting;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>A way to hurt the cells, and what must hold after it.</summary>
public interface IScenario
{
    /// <summary>What <c>--only</c> takes.</summary>
    string Name { get; }

    /// <summary>One line for people.</summary>
    string What { get; }

    /// <summary>Part of the short form.</summary>
    bool IsShort { get; }

    /// <summary>Nothing else may run beside it: it breaks servers that others of the run may use.</summary>
    bool IsAlone => false;

    /// <summary>What it needs and isn't here: then it is skipped. Null: nothing that is known beforehand.</summary>
    string? Missing => null;

    /// <summary>Runs it.</summary>
    /// <exception cref="ProductFailedException">The servers failed.</exception>
    /// <exception cref="HarnessException">It could not be done.</exception>
    /// <exception cref="SkippedException">Something that it needs isn't here.</exception>
    Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken);
}

/// <param name="Report">What the history checker says.</param>
/// <param name="Faults">How many faults struck.</param>
/// <param name="Recovery">The longest.</param>
public sealed record Findings(History.Checking.CheckReport Report, int Faults, TimeSpan Recovery);

/// <summary>What a scenario is given.</summary>
/// <param name="Seed">Its choices come from here and from its name.</param>
/// <param name="IsShort">Take a sample instead of all.</param>
/// <param name="Folder">Its own, empty.</param>
/// <param name="Say">Tells people how far it is.</param>
public sealed record ScenarioContext(int Seed, bool IsShort, string Folder, Action<string> Say)
{
    /// <summary>Cells of several processes run on the servers that the environment names.</summary>
    public bool IsReal { get; init; }

    /// <summary>Choices that don't depend on which scenarios ran before.</summary>
    public Random NewRandom(string what)
    {
        var hash = 2_166_136_261u;
        foreach (var c in what) hash = (hash ^ c) * 16_777_619u;
        return new Random(unchecked(Seed ^ (int)hash));
    }
}
