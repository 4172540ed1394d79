namespace Chat.Cells.Processes.Engines;

/// <summary>Which engines a run wants.</summary>
public sealed record EngineRequest
{
    /// <summary>The servers that the environment names (<see cref="RealServers"/>); what it doesn't name is embedded, or started for the run.</summary>
    public bool Real { get; init; }

    /// <summary>Several processes of a cell share the engines: those that only one process can have are not enough.</summary>
    public bool Shared { get; init; }

    /// <summary>
    /// How long the mock broker keeps a fetch that finds nothing: unlike a real broker it does not answer earlier when something arrives, so that this is added to what is measured. Null: as
    /// long as the cell asks for.
    /// </summary>
    public TimeSpan? MockFetchWait { get; init; }

    /// <summary>A folder for what is started.</summary>
    public required string Data { get; init; }

    /// <summary>Reads an environment variable.</summary>
    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;
}
