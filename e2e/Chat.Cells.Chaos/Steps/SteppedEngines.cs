using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Chaos.Steps;

/// <summary>What one server is given in place of its cell's engines.</summary>
public static class SteppedEngines
{
    /// <param name="engines">The cell's.</param>
    /// <param name="offsets">Where commits are kept in the log's place; null: in the log.</param>
    /// <param name="life">The server.</param>
    public static CellEngines Around(CellEngines engines, GroupOffsets? offsets, ServerLife life) => engines with
    {
        Log = new SteppedLog(engines.Log, offsets, life),
        Store = SteppedPort.Around(engines.Store, life, static m => new StoreException(m)),
        State = SteppedPort.Around(engines.State, life, static m => new CellStateException(m)),
    };
}
