using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Chaos.Steps;
using Chat.Cells.Load.World;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>What a process that is caught at a step gets.</summary>
public enum Signal
{
    /// <summary>SIGKILL; it is started again.</summary>
    Kill,

    /// <summary>SIGSTOP, long enough for others to take its work over where there are others; then SIGCONT.</summary>
    Stop,
}

/// <summary>
/// A real process of a cell stops itself at every step of a role's work, and is killed or woken up there. Either one process with all roles on the embedded engines, or
/// two processes of each role on Kafka and Redis.
/// </summary>
/// <param name="signal">What it gets.</param>
/// <param name="kind">The kind of process: <c>cell</c>, or a role of its own.</param>
public sealed class ProcessStepScenario(Signal signal, string kind) : IScenario
{
    private const int Sample = 2;
    private const int Attempts = 4;

    /// <summary>What happens less often than this is left to the scenarios in one process.</summary>
    private const int LeastSeen = 3;

    /// <summary>The sample is taken from what happens all the time.</summary>
    private const int OftenSeen = 20;

    private static readonly WorldOptions People = new(Users: 8, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 5) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan ReachBound = TimeSpan.FromSeconds(2);

    /// <summary>The sample is of what happens all the time, so that only a slow machine takes longer.</summary>
    private static readonly TimeSpan SampleReachBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(60);
    private readonly bool isApart = kind != "cell";

    public string Name => $"sig{signal.ToString().ToLowerInvariant()}.{kind}";

    public string What => $"{(isApart ? $"one of two {kind} processes on Kafka and Redis" : "a cell's one process on embedded engines")} is {(signal == Signal.Kill ? "killed" : "stopped for a while")} at every step of its work";

    public bool IsShort => signal == Signal.Kill && !isApart;

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        var random = context.NewRandom(Name);
        await using var cluster = await ClusterUnderTest.StartAsync(context, new ClusterSettings { IsApart = isApart, IsStepped = true, IsReal = isApart && context.IsReal }, cancellationToken);
        var victims = cluster.Stepped(kind);
        var away = TimeSpan.FromSeconds(!isApart ? 1.5 : cluster.HasBrokers ? 9 : 6);
        await using var arena = await Arena.OpenAsync(context, Name, cluster.Router, People, cancellationToken);
        for (var i = 0; i < 4; i++)
        {
            arena.Talk(20);
            if (i > 1) arena.Stir();
            await arena.RecoverAsync(RecoveryBound, cancellationToken);
        }
        var left = new HashSet<Step>();
        foreach (var victim in victims)
        {
            foreach (var (step, count) in await victim.StepsAsync(cancellationToken))
            {
                if (count >= (context.IsShort ? OftenSeen : LeastSeen) && (step.Side == Side.After || IsWrite(step))) left.Add(step);
            }
        }
        var steps = left.OrderBy(s => s.ToString(), StringComparer.Ordinal).ToArray();
        random.Shuffle(steps);
        if (context.IsShort) steps = steps[..Math.Min(Sample, steps.Length)];
        var unreached = new List<Step>();
        foreach (var step in steps)
        {
            if (!await TryAsync(victims, arena, context, step, away, cancellationToken)) unreached.Add(step);
        }
        context.Say($"{steps.Length} steps, {arena.Faults} faults{(unreached.Count == 0 ? "" : $"; not reached again: {string.Join(", ", unreached)}")}");
        if (arena.Faults == 0 || unreached.Count > steps.Length / 2.0) throw new HarnessException($"Too few steps of {kind} were reached again: not {string.Join(", ", unreached)}");
        return await arena.FinishAsync(TimeSpan.FromSeconds(5.5), RecoveryBound, cancellationToken);
    }

    /// <summary>Reads have no other side, and no effect to be caught at.</summary>
    private static bool IsWrite(Step step) => new[] { "append:", "row:", "publish:", "commit", "register", "advance" }.Any(w => step.Effect.StartsWith(w, StringComparison.Ordinal));

    private async Task<bool> TryAsync(IReadOnlyList<SteppedProcess> victims, Arena arena, ScenarioContext context, Step step, TimeSpan away, CancellationToken cancellationToken)
    {
        foreach (var victim in victims) await victim.ArmAsync(step, 1, cancellationToken);
        var caught = await ReachAsync(victims, arena, context.IsShort ? SampleReachBound : ReachBound, cancellationToken);
        foreach (var victim in victims.Where(v => v != caught)) await victim.DisarmAsync(cancellationToken);
        if (caught is null)
        {
            context.Say($"{step}: not reached");
            return false;
        }
        arena.Note($"{signal} {caught.Process.Name} at {step}");
        var struck = TimeProvider.System.GetTimestamp();
        arena.Talk(8);
        var open = arena.OpenNow();
        if (signal == Signal.Kill)
        {
            if (caught.Process.Current?.Kill() != true) throw new HarnessException($"{caught.Process.Name} was gone before it was killed.");
        }
        else
        {
            // Longer than a member of a group may be silent, where somebody can take its place.
            await Task.Delay(away, cancellationToken);
            arena.Talk(8);
            open = arena.OpenNow();
            struck = TimeProvider.System.GetTimestamp();
            caught.Process.Current?.Resume();
        }
        var recovery = await arena.RecoverAsync(open, struck, RecoveryBound, cancellationToken);
        context.Say(FormattableString.Invariant($"{step}: recovery {recovery.TotalSeconds:F2} s"));
        return true;
    }

    private static async Task<SteppedProcess?> ReachAsync(IReadOnlyList<SteppedProcess> victims, Arena arena, TimeSpan bound, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            arena.Talk(10);
            if (attempt > 0) arena.Stir();
            var start = TimeProvider.System.GetTimestamp();
            while (TimeProvider.System.GetElapsedTime(start) < bound)
            {
                if (victims.FirstOrDefault(v => v.IsStopped) is { } caught) return caught;
                await Task.Delay(10, cancellationToken);
            }
        }
        return null;
    }
}
