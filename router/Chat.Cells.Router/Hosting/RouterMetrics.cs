using System.Diagnostics.Metrics;
using Chat.Cells.Router.Health;
using Chat.Cells.Topology;

namespace Chat.Cells.Router.Hosting;

/// <summary>What the router measures, on meter <c>Chat.Cells.Router</c>.</summary>
internal sealed class RouterMetrics : IDisposable
{
    public const string MeterName = "Chat.Cells.Router";

    private readonly Meter meter = new(MeterName);
    private readonly Counter<long> requests;
    private readonly Histogram<double> duration;
    private readonly Counter<long> refusals;
    private readonly Counter<long> socketsOpened;
    private readonly Counter<long> socketsHeld;
    private readonly UpDownCounter<long> sockets;

    public RouterMetrics(CellMapWatcher maps, CellHealth health)
    {
        requests = meter.CreateCounter<long>("chat_cells.router.requests", "{request}", "Requests forwarded, by cell and status");
        duration = meter.CreateHistogram<double>("chat_cells.router.request.duration", "s", "Time from a request to the end of its answer, by cell");
        refusals = meter.CreateCounter<long>("chat_cells.router.refusals", "{request}", "Requests that the router answered with a problem itself, by code");
        socketsOpened = meter.CreateCounter<long>("chat_cells.router.sockets.opened", "{socket}", "Sockets that a cell accepted");
        socketsHeld = meter.CreateCounter<long>("chat_cells.router.sockets.held", "{socket}", "Sockets that waited for a cell that was down, by cell");
        sockets = meter.CreateUpDownCounter<long>("chat_cells.router.sockets", "{socket}", "Sockets open now, by cell");
        meter.CreateObservableGauge("chat_cells.router.map.version", () => maps.Current?.Version ?? 0, description: "Version of the cell map in use; 0 for none");
        meter.CreateObservableGauge("chat_cells.router.cell.up", () => CellsUp(maps.Current, health), description: "1 where a cell can be reached, else 0");
    }

    public void RequestDone(string cell, int status, TimeSpan took)
    {
        requests.Add(1, new("cell", cell), new("status", status));
        duration.Record(took.TotalSeconds, new KeyValuePair<string, object?>("cell", cell));
    }

    public void Refused(string code) => refusals.Add(1, new KeyValuePair<string, object?>("code", code));

    public void SocketOpened(string cell)
    {
        socketsOpened.Add(1, new KeyValuePair<string, object?>("cell", cell));
        sockets.Add(1, new KeyValuePair<string, object?>("cell", cell));
    }

    public void SocketHeld(string cell) => socketsHeld.Add(1, new KeyValuePair<string, object?>("cell", cell));

    public void SocketClosed(string cell) => sockets.Add(-1, new KeyValuePair<string, object?>("cell", cell));

    public void Dispose() => meter.Dispose();

    private static IEnumerable<Measurement<int>> CellsUp(CellMap? map, CellHealth health) =>
        map is null ? [] : map.Cells.Select(c => new Measurement<int>(health.IsUp(c) ? 1 : 0, new KeyValuePair<string, object?>("cell", c.Name)));
}
