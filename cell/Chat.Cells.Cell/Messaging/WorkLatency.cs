using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Messaging;

/// <summary>Reports how long after its append a role's record took effect.</summary>
internal sealed class WorkLatency(string group, TimeProvider time)
{
    private readonly KeyValuePair<string, object?> role = new("role", group);

    /// <summary>Called after a commit.</summary>
    public void Report(LogRecord last) => CellMeter.Latency.Record(Math.Max(0, time.GetUtcNow().ToUnixTimeMilliseconds() - last.AppendTime) / 1000.0, role);
}
