using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Faults;
using Chat.Cells.Load.World;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>The clock of one server, or of the log, is ten minutes off; then it is set right.</summary>
public sealed class ClockScenario(string whose, bool isAhead) : IScenario
{
    /// <summary>The log stamps records by its own clock: a broker's, or the cell's own with embedded engines.</summary>
    public const string Log = "log";

    private static readonly WorldOptions People = new(Users: 6, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 4) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(30);
    private readonly SkewedTime clock = new(TimeSpan.FromMinutes(isAhead ? 10 : -10));

    public string Name => $"clock.{whose}-{(isAhead ? "ahead" : "behind")}";

    public string What => $"the clock of {(whose == Log ? "the log" : $"the {whose} server")} is ten minutes {(isAhead ? "ahead" : "behind")}, then it is set right";

    public bool IsShort => whose is Log && !isAhead;

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        var settings = whose == Log
            ? new CellsSettings { EngineClock = clock }
            : new CellsSettings { Plan = [.. ServerPlan.Apart.Select(p => p.Roles.Contains(whose) ? p with { Clock = clock } : p)] };
        await using var cells = await CellsUnderTest.StartAsync(context.Folder, settings, cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cells.Router, People, cancellationToken);
        await TalkAsync(arena, cancellationToken);

        arena.Note("the clock is set right and the cell starts again");
        var struck = TimeProvider.System.GetTimestamp();
        arena.Talk(8);
        var open = arena.OpenNow();
        await cells.RestartVictimAsync([.. ServerPlan.Apart], TimeProvider.System, cancellationToken);
        await arena.RecoverAsync(open, struck, RecoveryBound, cancellationToken);
        await TalkAsync(arena, cancellationToken);

        arena.Note("the clock is off again and the cell starts again");
        struck = TimeProvider.System.GetTimestamp();
        arena.Talk(8);
        open = arena.OpenNow();
        await cells.RestartVictimAsync(settings.Plan, settings.EngineClock, cancellationToken);
        await arena.RecoverAsync(open, struck, RecoveryBound, cancellationToken);
        await TalkAsync(arena, cancellationToken);
        return await arena.FinishAsync(2 * ShrunkTimes.Tick, RecoveryBound, cancellationToken);
    }

    private static async Task TalkAsync(Arena arena, CancellationToken cancellationToken)
    {
        for (var round = 0; round < 3; round++)
        {
            arena.Talk(12);
            await arena.RecoverAsync(RecoveryBound, cancellationToken);
        }
    }
}
