using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Network;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Load.World;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>One link between two kinds of servers is cut, silenced, slowed and half opened, and heals, while people talk.</summary>
public sealed class LinkScenario(string link) : IScenario
{
    private static readonly WorldOptions People = new(Users: 6, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 4) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(45);

    /// <summary>Shorter than anybody's patience, and longer.</summary>
    private static readonly TimeSpan[] Durations = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(7)];

    public string Name => "net." + link;

    public string What => $"the link {link} is cut, silenced, slowed and half opened, and heals";

    public bool IsShort => link == "router-cell";

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        var random = context.NewRandom(Name);
        await using var cells = await CellsUnderTest.StartAsync(context.Folder, new CellsSettings(), cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cells.Router, People, cancellationToken);
        var proxy = cells.Links[link];
        // Else cells have nothing to ask of each other.
        if (link == CellsUnderTest.BetweenCells) await arena.WatchEverybodyAsync(cancellationToken);
        await BreakAllAsync(arena, proxy, context, random, cancellationToken);
        return await arena.FinishAsync(2 * ShrunkTimes.Tick, RecoveryBound, cancellationToken);
    }

    /// <summary>What isn't used can't be broken: a client of Redis, or a bridge, comes back in its own time.</summary>
    private static async Task UntilUsedAsync(IFaultLink proxy, TimeSpan bound, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (proxy.Open == 0)
        {
            if (TimeProvider.System.GetElapsedTime(start) > bound) throw new ProductFailedException($"nothing connects through {proxy.Name} any more", bound);
            await Task.Delay(20, cancellationToken);
        }
    }

    /// <summary>Breaks a link in every way, for a short and a long time, in an order of the seed's.</summary>
    internal static Task BreakAllAsync(Arena arena, IFaultLink proxy, ScenarioContext context, Random random, CancellationToken cancellationToken) =>
        BreakAllAsync(arena, proxy, context.IsShort ? Durations[..1] : Durations, RecoveryBound, context, random, cancellationToken);

    /// <summary>Breaks a link in every way, for each of some times, in an order of the seed's; returns how many messages were held up when it healed, all times together.</summary>
    /// <param name="arena">Who talks.</param>
    /// <param name="proxy">The link.</param>
    /// <param name="durations">For how long each time.</param>
    /// <param name="bound">Of each recovery.</param>
    /// <param name="context">To tell.</param>
    /// <param name="random">Chooses the order.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="stirs">While it is broken somebody's connections are lost, and newcomers come: gateways need the store then.</param>
    internal static async Task<int> BreakAllAsync(
        Arena arena, IFaultLink proxy, IReadOnlyList<TimeSpan> durations, TimeSpan bound, ScenarioContext context, Random random, CancellationToken cancellationToken, bool stirs = false)
    {
        var faults = new[] { LinkFault.Cut, LinkFault.Silent, LinkFault.Slow, LinkFault.HalfOpen };
        random.Shuffle(faults);
        var heldUp = 0;
        foreach (var fault in faults)
        {
            foreach (var duration in durations)
            {
                arena.Talk(10);
                await UntilUsedAsync(proxy, bound, cancellationToken);
                arena.Note(FormattableString.Invariant($"{proxy.Name} is {fault} for {duration.TotalSeconds} s"));
                proxy.Break(fault);
                for (var part = 0; part < 4; part++)
                {
                    arena.Talk(6);
                    if (stirs && part == 1) arena.Stir();
                    await Task.Delay(duration / 4, cancellationToken);
                }
                var open = arena.OpenNow();
                heldUp += open.Count;
                proxy.Heal();
                await arena.RecoverAsync(context, FormattableString.Invariant($"{proxy.Name} {fault} for {duration.TotalSeconds} s"), open, bound, cancellationToken);
            }
        }
        await UntilUsedAsync(proxy, bound, cancellationToken);
        return heldUp;
    }
}
