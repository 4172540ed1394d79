using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Processes;

/// <summary>Which processes a cell's roles run in.</summary>
public enum Placement
{
    /// <summary>One process per cell with all roles.</summary>
    Together,

    /// <summary>A process per role, and several of each: the engines must be shared ones.</summary>
    Separate,
}

/// <summary>What a <see cref="DirectCluster"/> consists of.</summary>
public sealed record DirectClusterOptions
{
    /// <summary>A folder for all of it; a folder that is there is used again.</summary>
    public required string Data { get; init; }

    public Placement Placement { get; init; }

    /// <summary>Processes of each role of a cell, where each role has its own.</summary>
    public int Copies { get; init; } = 2;

    /// <summary>The cells, and what they run on. Not disposed with the cluster.</summary>
    public EngineServers Engines { get; init; } = EngineServers.Embedded;

    /// <summary>The cells' limit per user; 0: none.</summary>
    public int MessagesPerMinute { get; init; }

    /// <summary>From a process's end to its next start.</summary>
    public TimeSpan RestartAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long everything may take to become ready.</summary>
    public TimeSpan ReadyBound { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>The cells' program: one that takes the same options may stand for the product's.</summary>
    public CellProgram CellProgram { get; init; } = new("cell", "Chat.Cells.Cell", []);

    /// <summary>What a server of a cell (its name) and a role (<c>cell</c> where all roles are together) is told of the engines, made from what all are told.</summary>
    public Func<string, string, IReadOnlyList<string>, IReadOnlyList<string>> EngineArguments { get; init; } = static (_, _, arguments) => arguments;

    /// <summary>Further options of every cell server: <c>--name</c>, value, ….</summary>
    public IReadOnlyList<string> CellArguments { get; init; } = [];
}

/// <summary>A program that serves a cell.</summary>
/// <param name="Folder">The folder in the repository that has the project's.</param>
/// <param name="Name">The project.</param>
/// <param name="Arguments">What comes before the cell's options.</param>
public sealed record CellProgram(string Folder, string Name, IReadOnlyList<string> Arguments);
