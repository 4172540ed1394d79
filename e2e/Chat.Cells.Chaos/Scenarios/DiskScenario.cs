using Chat.Cells.Cell.Ports;
using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Faults;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Load.World;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>The disk of the cell's embedded engines is full, while people talk, while its servers are killed, and while they start.</summary>
public sealed class DiskScenario : IScenario
{
    private const int Megabytes = 48;
    private const int LeastStuck = 6;
    private static readonly WorldOptions People = new(Users: 6, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 4) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan FullFor = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StartFor = TimeSpan.FromSeconds(5);

    public string Name => "disk.full";

    public string What => "the disk under log and store is full to the last byte, with and without the servers dying then";

    public bool IsShort => true;

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        await using var disk = await SmallDisk.MountAsync(Megabytes, cancellationToken);
        var settings = new CellsSettings { VictimData = Path.Combine(disk.Path, "data") };
        await using var cells = await CellsUnderTest.StartAsync(context.Folder, settings, cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cells.Router, People, cancellationToken);
        var ways = new[] { ("full", false, false), ("full, and the servers are killed", true, false), ("full, and the servers are killed and start", true, true) };
        foreach (var (what, killed, startedFull) in context.IsShort ? ways[1..2] : ways)
        {
            arena.Note($"the disk is {what}");
            disk.Fill();
            var stuck = await TalkIntoFullAsync(arena, cancellationToken);
            var started = startedFull && await StartFullAsync(cells, settings, disk, context, cancellationToken);
            disk.Free();
            var freed = TimeProvider.System.GetTimestamp();
            if (killed && !started) await cells.RestartVictimAsync(settings.Plan, TimeProvider.System, cancellationToken);
            var recovery = await arena.RecoverAsync(arena.OpenNow(), freed, RecoveryBound, cancellationToken);
            context.Say(FormattableString.Invariant($"{what}: {stuck} messages stuck, recovery {recovery.TotalSeconds:F2} s after there was room again"));
        }
        return await arena.FinishAsync(2 * ShrunkTimes.Tick, RecoveryBound, cancellationToken);
    }

    /// <summary>Talks until nothing goes through any more.</summary>
    private static async Task<int> TalkIntoFullAsync(Arena arena, CancellationToken cancellationToken)
    {
        for (var round = 0; round < 20; round++)
        {
            arena.Talk(16);
            var open = arena.OpenNow();
            await Task.Delay(FullFor / 4, cancellationToken);
            if (open.Count < LeastStuck) continue;
            await Task.Delay(FullFor, cancellationToken);
            // What goes on in the other cell alone comes through.
            var stuck = arena.OpenNow().Intersect(open).Count();
            if (stuck >= LeastStuck) return stuck;
        }
        throw new HarnessException("Messages went through a full disk.");
    }

    /// <summary>Starts the cell where there is no room. It may start, refuse to, or wait for room; true: it runs now.</summary>
    private static async Task<bool> StartFullAsync(CellsUnderTest cells, CellsSettings settings, SmallDisk disk, ScenarioContext context, CancellationToken cancellationToken)
    {
        var starting = cells.RestartVictimAsync(settings.Plan, TimeProvider.System, cancellationToken);
        try
        {
            await Task.WhenAny(starting, Task.Delay(StartFor, cancellationToken));
            context.Say(starting.IsCompletedSuccessfully ? "the cell starts on a full disk" : starting.IsCompleted ? "the cell does not start on a full disk" : "the cell waits for room before it starts");
            disk.Free();
            await starting;
            return true;
        }
        catch (Exception e) when (e is LogException or StoreException or IOException)
        {
            context.Say($"what it says: {e.Message}");
            return false;
        }
    }
}
