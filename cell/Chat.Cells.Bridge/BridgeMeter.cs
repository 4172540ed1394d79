using System.Diagnostics.Metrics;

namespace Chat.Cells.Bridge;

/// <summary>What a bridge measures: meter <c>Chat.Cells.Bridge</c>. One bridge runs in a process.</summary>
public sealed class BridgeMeter : IDisposable
{
    public const string Name = "Chat.Cells.Bridge";

    private readonly Meter meter = new(Name);

    public BridgeMeter(Func<double> lagSeconds, Func<bool> connected)
    {
        Copied = meter.CreateCounter<long>("chatcells.bridge.copied", "{record}", "Records that the target has appended.");
        Repeated = meter.CreateCounter<long>("chatcells.bridge.repeated", "{record}", "Records that the target had already.");
        Refused = meter.CreateCounter<long>("chatcells.bridge.refused", "{record}", "Records that the source may not send; they are on the target's chat.dead.");
        Reconnects = meter.CreateCounter<long>("chatcells.bridge.reconnects", "{connection}", "Connections begun after the first.");
        Gaps = meter.CreateCounter<long>("chatcells.bridge.gaps", "{gap}", "Times that records were no longer retained in the source.");
        meter.CreateObservableGauge("chatcells.bridge.lag", lagSeconds, "s", "Age of the oldest record that was read and not yet appended; since when nothing was heard while not connected.");
        meter.CreateObservableGauge("chatcells.bridge.connected", () => connected() ? 1 : 0, "{connection}", "1 while the source is being read.");
    }

    public Counter<long> Copied { get; }

    public Counter<long> Repeated { get; }

    public Counter<long> Refused { get; }

    public Counter<long> Reconnects { get; }

    public Counter<long> Gaps { get; }

    public void Dispose() => meter.Dispose();
}
