using System.Diagnostics.Metrics;

namespace Chat.Cells.Operator.Hosting;

/// <summary>Gauges of the operator process; reconciles are counted by the controller runtime.</summary>
internal static class OperatorMetrics
{
    private static readonly Meter Meter = new("Chat.Cells.Operator");

    public static void Observe(ChatCellOperator chatCells)
    {
        Meter.CreateObservableGauge("leader_election_master_status", () => chatCells.IsLeader ? 1 : 0);
        Meter.CreateObservableGauge("workqueue_depth", () => chatCells.QueueLength);
    }
}
