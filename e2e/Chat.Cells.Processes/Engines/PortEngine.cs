namespace Chat.Cells.Processes.Engines;

/// <summary>What stands behind one port of the cells in a run.</summary>
/// <param name="Label">Short, for tables: <c>embedded</c>, <c>kafka</c>, <c>kafka-mock</c>.</param>
/// <param name="Line">In words, for people.</param>
/// <param name="Arguments">Options of every cell server.</param>
internal sealed record PortEngine(string Label, string Line, IReadOnlyList<string> Arguments)
{
    /// <summary>Files for every cell's secrets.</summary>
    public IReadOnlyDictionary<string, string> Secrets { get; init; } = new Dictionary<string, string>();

    /// <summary>What was started for the run.</summary>
    public ServerProcess? Process { get; init; }

    /// <summary>Keeps the ports of <see cref="Process"/> for it.</summary>
    public FreePorts? Ports { get; init; }

    /// <summary>Removes what the cells of this run left in a server that outlives it; null where nothing is left.</summary>
    public Func<CancellationToken, Task>? Clean { get; init; }
}
