using Chat.Cells.Chaos.CommandLine;
using Chat.Cells.Chaos.Reporting;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>In what order scenarios run, how long that should take, and how long it may.</summary>
public sealed class RunPlan
{
    /// <summary>What a scenario may take beyond a multiple of what it should: servers that start on a machine that has other work.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(2);

    private const int Patience = 3;
    private readonly long begun = TimeProvider.System.GetTimestamp();
    private readonly bool isShort;

    /// <param name="scenarios">All of the run.</param>
    /// <param name="options">How many at a time, and within what time.</param>
    public RunPlan(IReadOnlyList<IScenario> scenarios, ChaosOptions options)
    {
        isShort = options.IsShort;
        var all = Enumerable.Range(0, scenarios.Count).ToArray();
        var together = all.Where(i => !scenarios[i].IsAlone).ToArray();
        var alone = all.Except(together).ToArray();
        var jobs = Math.Max(1, Math.Min(options.Jobs ?? (isShort || options.IsReal ? 1 : 2), together.Length));
        Phases = [new Phase(together, jobs), new Phase(alone, 1)];
        var times = together.Select(i => TimeOf(scenarios[i])).ToArray();
        var longest = times.DefaultIfEmpty().Max();
        var shared = TimeSpan.FromTicks(times.Sum(t => t.Ticks) / jobs);
        Expected = (shared > longest ? shared : longest) + TimeSpan.FromTicks(alone.Sum(i => TimeOf(scenarios[i]).Ticks));
        Bound = TimeSpan.FromMinutes(options.Within ?? Math.Ceiling(((Patience * Expected) + Grace).TotalMinutes));
    }

    /// <summary>Each after the one before; the numbers are places in the list of scenarios.</summary>
    public IReadOnlyList<Phase> Phases { get; }

    /// <summary>On a machine of two cores that has other work.</summary>
    public TimeSpan Expected { get; }

    /// <summary>No scenario begins after this, and none goes on.</summary>
    public TimeSpan Bound { get; }

    public TimeSpan Elapsed => TimeProvider.System.GetElapsedTime(begun);

    /// <summary>What a scenario that begins now may take.</summary>
    public Limit BoundOf(IScenario scenario)
    {
        var own = (Patience * Durations.Of(scenario.Name, isShort)) + Grace;
        // Scenarios that wait for their turn begin after the run's end as well, and end at once.
        var left = Bound > Elapsed ? Bound - Elapsed : TimeSpan.Zero;
        return own < left
            ? new Limit(own, FormattableString.Invariant($"not done within {own.TotalMinutes:F1} min"), IsTheMachines: false)
            : new Limit(left, FormattableString.Invariant($"the run's {Bound.TotalMinutes:F0} min were over"), IsTheMachines: true);
    }

    private TimeSpan TimeOf(IScenario scenario) => scenario.Missing is null ? Durations.Of(scenario.Name, isShort) : TimeSpan.Zero;

    /// <summary>For people, before it begins.</summary>
    public override string ToString() => FormattableString.Invariant(
        $"about {Expected.TotalMinutes:F1} min on two cores that have other work ({Phases[0].AtATime} at a time), at most {Bound.TotalMinutes:F0} min");
}

/// <summary>Scenarios that run beside each other.</summary>
/// <param name="Scenarios">Their places in the list.</param>
/// <param name="AtATime">How many at once.</param>
public sealed record Phase(IReadOnlyList<int> Scenarios, int AtATime);

/// <summary>What a scenario may take.</summary>
/// <param name="Time">Nothing or less: it may not begin.</param>
/// <param name="Reason">What it means that it is over.</param>
/// <param name="IsTheMachines">The whole run's: the machine was too slow for all of it. Else the scenario's own: it could not do what it is for.</param>
public sealed record Limit(TimeSpan Time, string Reason, bool IsTheMachines)
{
    /// <summary>What an exception means that came when the time was over.</summary>
    public Exception Is(Exception e) => e is not OperationCanceledException ? e : IsTheMachines ? new MachineException(Reason, e) : new HarnessException(Reason, e);
}
