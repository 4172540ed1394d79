using System.Collections.Concurrent;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Operator.Observe;

/// <summary>
/// What cells said of themselves a moment ago. Connections change all the time: were a cell asked in each reconcile, the status that is written of one answer would bring the next reconcile, and with
/// it another answer to be written, for ever.
/// </summary>
internal sealed class RecentReports(TimeProvider time, TimeSpan lifetime)
{
    private readonly ConcurrentDictionary<ObjectKey, Entry> _entries = new();

    /// <summary>Adds what was said a moment ago, unless the cell's pods have changed since; else asks.</summary>
    public async Task<Observed> AddAsync(Observed observed, Func<Observed, Task<Observed>> ask)
    {
        var key = ObjectKey.Of(observed.Cell);
        if (observed.Cell.Metadata.DeletionTimestamp is not null)
        {
            // Whether it may go hangs on what it says now.
            _entries.TryRemove(key, out _);
            return await ask(observed);
        }
        var pods = observed.StatefulSet?.Metadata.ResourceVersion;
        if (_entries.TryGetValue(key, out var entry) && entry.Pods == pods && time.GetElapsedTime(entry.At) < lifetime)
        {
            return observed with { Report = entry.Report, Servers = entry.Servers };
        }
        var at = time.GetTimestamp();
        var asked = await ask(observed);
        if (asked.Report is not null || asked.Servers.Count > 0)
        {
            _entries[key] = new Entry(at, pods, asked.Report, asked.Servers);
        }
        return asked;
    }

    private sealed record Entry(long At, string? Pods, CellReport? Report, IReadOnlyList<ServerReport> Servers);
}
