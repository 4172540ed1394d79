namespace Chat.Cells.Processes.Engines;

/// <summary>Which engines a run wants.</summary>
public sealed record EngineRequest
{
    /// <summary>The servers that the environment names (<see cref="RealServers"/>); what it doesn't name is embedded, or started for the run.</summary>
    public bool Real { get; init; }

    /// <summary>Several processes of a cell share the engines: those that only one process can have are not enough.</summary>
    public bool Shared { get; init; }

    /// <summary>A folder for what is started.</summary>
    public required string Data { get; init; }

    /// <summary>Reads an environment variable.</summary>
    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;
}
