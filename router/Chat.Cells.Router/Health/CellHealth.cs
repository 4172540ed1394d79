using System.Collections.Concurrent;
using Chat.Cells.Topology;

namespace Chat.Cells.Router.Health;

/// <summary>
/// Which cells can be reached. A cell counts as up until told otherwise; it goes down by a failed connection at once, or by two failed checks in a row, and comes up
/// by one good check. Safe for any number of threads.
/// </summary>
internal sealed partial class CellHealth(ILogger<CellHealth> logger)
{
    /// <summary>How many failed checks in a row take a cell down.</summary>
    public const int FailuresToGoDown = 2;

    private readonly ConcurrentDictionary<string, State> states = new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<string, TaskCompletionSource> waiting = new(StringComparer.Ordinal);

    private readonly record struct State(Uri Endpoint, int Failures, bool Down);

    /// <summary>Whether requests may go there. Allocates nothing.</summary>
    public bool IsUp(CellEntry cell) => cell.State != CellState.Down && !(states.TryGetValue(cell.Name, out var state) && state.Down && state.Endpoint == cell.Endpoints.Public);

    /// <summary>Done when a check finds the cell up, or at once where it is. All who wait for a cell share one task.</summary>
    public Task WhenUpAsync(CellEntry cell)
    {
        if (IsUp(cell)) return Task.CompletedTask;
        var task = waiting.GetOrAdd(cell.Name, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        if (IsUp(cell)) Release(cell.Name); // it came up in this moment, before there was anybody to tell
        return task;
    }

    /// <summary>A connection to the cell could not be made.</summary>
    public void ConnectFailed(CellEntry cell, string reason) => Change(cell, reason, (cell, _) => new State(cell.Endpoints.Public, FailuresToGoDown, Down: true));

    /// <summary>A check failed.</summary>
    public void CheckFailed(CellEntry cell, string reason) => Change(cell, reason, (cell, now) =>
        new State(cell.Endpoints.Public, Math.Min(now.Failures + 1, FailuresToGoDown), now.Down || now.Failures + 1 >= FailuresToGoDown));

    /// <summary>A check was answered well.</summary>
    public void CheckPassed(CellEntry cell)
    {
        Change(cell, "", (cell, _) => new State(cell.Endpoints.Public, 0, Down: false));
        Release(cell.Name);
    }

    /// <summary>Forgets cells that the map no longer has.</summary>
    public void Keep(CellMap map)
    {
        foreach (var name in states.Keys)
        {
            if (map.Find(name) is null) states.TryRemove(name, out _);
        }
    }

    private void Release(string cell)
    {
        if (waiting.TryRemove(cell, out var waits)) waits.TrySetResult();
    }

    private void Change(CellEntry cell, string reason, Func<CellEntry, State, State> change)
    {
        while (true)
        {
            var known = states.TryGetValue(cell.Name, out var stored);
            // What was learnt about another address says nothing about this one.
            var now = known && stored.Endpoint == cell.Endpoints.Public ? stored : new State(cell.Endpoints.Public, 0, Down: false);
            var next = change(cell, now);
            if (known ? !states.TryUpdate(cell.Name, next, stored) : !states.TryAdd(cell.Name, next)) continue;
            if (next.Down && !now.Down) LogDown(logger, cell.Name, cell.Endpoints.Public, reason);
            if (!next.Down && now.Down) LogUp(logger, cell.Name);
            return;
        }
    }

    [LoggerMessage(20, LogLevel.Warning, "Cell {Cell} is down: {Endpoint} {Reason}")]
    private static partial void LogDown(ILogger logger, string cell, Uri endpoint, string reason);

    [LoggerMessage(21, LogLevel.Information, "Cell {Cell} is up again")]
    private static partial void LogUp(ILogger logger, string cell);
}
