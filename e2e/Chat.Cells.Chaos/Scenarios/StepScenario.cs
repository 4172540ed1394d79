using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Chaos.Steps;
using Chat.Cells.Load.World;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>What is done to a server that is caught at a step.</summary>
public enum Treatment
{
    /// <summary>Killed and started again; its last commits may not have been durable.</summary>
    Crash,

    /// <summary>Killed and started again with its group's commits gone: all that is retained is worked through again.</summary>
    Replay,

    /// <summary>Paused while a second one takes its place and does its work; then it wakes up and goes on where it was, beside the second.</summary>
    Wake,

    /// <summary>The call fails, having had its effect or not; the server goes on.</summary>
    Fail,
}

/// <summary>
/// One treatment at every step of one role's work. The steps are those that the role's server was seen to take, in a run beforehand and while the scenario runs: nothing
/// lists them.
/// </summary>
public sealed class StepScenario(Treatment treatment, string role) : IScenario
{
    private const int Sample = 4;
    private static readonly TimeSpan SampleTime = TimeSpan.FromSeconds(3);
    private const int Attempts = 6;

    /// <summary>What talking doesn't reach may be what a server does when it starts.</summary>
    private const int RestartAt = 2;

    /// <summary>The sample is taken from what happens all the time, so that it is reached at once: so often, and in each of the last two rounds of talk.</summary>
    private const int SeenOften = 8;
    private const int Rounds = 3;

    /// <summary>Who talks to whom is chance: until there is something to take a sample from.</summary>
    private const int MostRounds = 15;
    private static readonly WorldOptions People = new(Users: 6, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 4) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan ReachBound = TimeSpan.FromSeconds(2);

    /// <summary>The sample is of what happens all the time, so that only a slow machine takes longer.</summary>
    private static readonly TimeSpan SampleReachBound = TimeSpan.FromSeconds(10);
    private readonly string server = ServerPlan.ServerOf(role);

    public string Name => $"{treatment.ToString().ToLowerInvariant()}.{role}";

    public string What => treatment switch
    {
        Treatment.Crash => $"the server that does {role}'s work is killed at every step of it",
        Treatment.Replay => $"the same, and {role}'s committed offsets are removed: all that is retained is replayed",
        Treatment.Wake => $"{role}'s server is paused at every step; another takes its place; then it wakes up beside it",
        _ => $"every call of {role} to log, store and state fails, having had its effect or not",
    };

    public bool IsShort => treatment == Treatment.Crash || role == "fanout" || (treatment, role) is (Treatment.Wake, "delivery") or (Treatment.Fail, ServerLife.Gateway);

    /// <summary>Stands between the cell's engines and its servers: how tests show that a fault of the product is found.</summary>
    public Func<Cell.Hosting.CellEngines, Cell.Hosting.CellEngines> Wrap { get; init; } = static engines => engines;

    /// <summary>How long everything may take to come through after a fault.</summary>
    public TimeSpan RecoveryBound { get; init; } = TimeSpan.FromSeconds(30);

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        var random = context.NewRandom(Name);
        await using var cells = await CellsUnderTest.StartAsync(context.Folder, new CellsSettings { Wrap = Wrap }, cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cells.Router, People, cancellationToken);
        HashSet<Step> steady = [], taken = [];
        for (var i = 0; i < Rounds || (i < MostRounds && context.IsShort && Choose(cells.Board, [], steady, new Random(0)) is null); i++)
        {
            var before = cells.Board.Counts;
            arena.Talk(12);
            if (i > 0) arena.Stir();
            await arena.RecoverAsync(RecoveryBound, cancellationToken);
            var counts = cells.Board.Counts;
            (steady, taken) = (taken, [.. counts.Keys.Where(s => counts[s] > before.GetValueOrDefault(s))]);
            steady.IntersectWith(taken);
        }

        var tried = new HashSet<Step>();
        var unreached = new List<Step>();
        var left = context.IsShort ? Sample : int.MaxValue;
        var begun = TimeProvider.System.GetTimestamp();
        while (left-- > 0 && (!context.IsShort || TimeProvider.System.GetElapsedTime(begun) < SampleTime) && Choose(cells.Board, tried, context.IsShort ? steady : null, random) is { } step)
        {
            tried.Add(step);
            foreach (var nth in Occurrences(cells.Board.Counts[step], context.IsShort, random))
            {
                if (!await TryAsync(cells, arena, context, step, nth, random, cancellationToken)) unreached.Add(step);
            }
        }
        context.Say($"{tried.Count} of {StepsOf(cells.Board).Count} steps, {arena.Faults} faults{(unreached.Count == 0 ? "" : $"; not reached again: {string.Join(", ", unreached)}")}");
        if (arena.Faults == 0) throw new HarnessException($"No step of {role} was reached.");
        if (unreached.Count > Math.Max(1, tried.Count / 3.0)) throw new HarnessException($"Too many steps were not reached again: {string.Join(", ", unreached)}");
        return await arena.FinishAsync(2 * ShrunkTimes.Tick, RecoveryBound, cancellationToken);
    }

    private async Task<bool> TryAsync(CellsUnderTest cells, Arena arena, ScenarioContext context, Step step, int nth, Random random, CancellationToken cancellationToken)
    {
        var trap = new StepTrap(step, nth, treatment == Treatment.Fail ? TrapKind.Fail : TrapKind.Freeze);
        cells.Board.Arm(trap);
        if (!await ReachAsync(cells, arena, trap, context.IsShort ? SampleReachBound : ReachBound, cancellationToken))
        {
            cells.Board.Disarm();
            context.Say($"{step} x{nth}: not reached");
            return false;
        }
        arena.Note($"{treatment} at {step}, number {nth}");
        var struck = TimeProvider.System.GetTimestamp();
        arena.Talk(6);
        var open = arena.OpenNow();
        switch (treatment)
        {
            case Treatment.Crash:
                if (cells.Runs(server)) cells.Kill(server);
                foreach (var group in Groups()) cells.Offsets.LoseLast(group, () => random.Next(3));
                await cells.StartServerAsync(server, beside: false, cancellationToken);
                break;
            case Treatment.Replay:
                if (cells.Runs(server)) cells.Kill(server);
                foreach (var group in Groups()) cells.Offsets.Forget(group);
                await cells.StartServerAsync(server, beside: false, cancellationToken);
                break;
            case Treatment.Wake:
                await WakeAsync(cells, arena, open, struck, cancellationToken);
                break;
            default:
                break;
        }
        var recovery = await arena.RecoverAsync(open, struck, RecoveryBound, cancellationToken);
        context.Say(FormattableString.Invariant($"{step} x{nth}: recovery {recovery.TotalSeconds:F2} s"));
        return true;
    }

    /// <summary>The sleeper's work is done by the second; then both work for a while.</summary>
    private async Task WakeAsync(CellsUnderTest cells, Arena arena, IReadOnlySet<string> open, long struck, CancellationToken cancellationToken)
    {
        var sleeper = cells.Detach(server);
        try
        {
            await cells.StartServerAsync(server, beside: true, cancellationToken);
            await arena.RecoverAsync(open, struck, RecoveryBound, cancellationToken);
            sleeper.Life.Thaw();
            arena.Talk(12);
            await arena.RecoverAsync(RecoveryBound, cancellationToken);
        }
        finally
        {
            cells.End(sleeper);
        }
    }

    /// <summary>Talks until the trap springs.</summary>
    private async Task<bool> ReachAsync(CellsUnderTest cells, Arena arena, StepTrap trap, TimeSpan bound, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            arena.Talk(8);
            if (attempt > 0) arena.Stir();
            if (attempt == RestartAt && treatment != Treatment.Wake) await cells.RestartAsync(server, trap, cancellationToken);
            await Task.WhenAny(trap.Sprung, Task.Delay(bound / (attempt == 0 ? 4 : 1), cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
            if (trap.Sprung.IsCompleted) return true;
        }
        return false;
    }

    private IReadOnlyList<string> Groups() => server == ServerPlan.FanOutName ? ["fanout", "bridge-in"] : server == ServerPlan.DeliveryName ? ["delivery"] : [];

    /// <summary>Which time it is reached: the first, and for what happens often a later one, in the middle of a batch.</summary>
    private static int[] Occurrences(int seen, bool isShort, Random random)
    {
        var later = 2 + random.Next(4);
        return seen < 20 ? [1] : isShort ? [random.Next(2) == 0 ? 1 : later] : [1, later];
    }

    /// <param name="steady">To choose only among what happens all the time: the steps of which some were taken in each of the last two rounds.</param>
    private Step? Choose(StepBoard board, HashSet<Step> tried, HashSet<Step>? steady, Random random)
    {
        var counts = board.Counts;
        var left = StepsOf(board).Where(s => !tried.Contains(s) && (steady is null || (counts[s] >= SeenOften && steady.Contains(s)))).ToArray();
        return left.Length == 0 ? null : left[random.Next(left.Length)];
    }

    /// <summary>For a fault of a call every step; for the end of a server only those on either side of something that outlives it.</summary>
    private List<Step> StepsOf(StepBoard board)
    {
        var all = board.Counts.Keys.Where(s => s.Role == role).OrderBy(s => s.ToString(), StringComparer.Ordinal).ToList();
        return treatment == Treatment.Fail ? all : [.. all.Where(s => s.Side == Side.After || all.Contains(s with { Side = Side.After }))];
    }
}
