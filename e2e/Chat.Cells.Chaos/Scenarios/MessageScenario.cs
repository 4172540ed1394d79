using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Faults;
using Chat.Cells.Load.World;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>Messages between servers get lost, come twice, overtake each other, while people talk.</summary>
public sealed class MessageScenario(string name, MessageFaults kinds) : IScenario
{
    private static readonly WorldOptions People = new(Users: 6, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 4) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(40);

    public string Name => "hints." + name;

    public string What => $"verdicts, hints and receipts between servers are {kinds.ToString().ToLowerInvariant()}";

    public bool IsShort => kinds == (MessageFaults.Dropped | MessageFaults.Doubled | MessageFaults.Reordered);

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        var chances = new MessageChances(context.NewRandom(Name), kinds);
        var settings = new CellsSettings { Wrap = engines => engines with { State = UnreliableMessages.Around(engines.State, chances) } };
        await using var cells = await CellsUnderTest.StartAsync(context.Folder, settings, cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cells.Router, People, cancellationToken);
        chances.Active = true;
        arena.Note($"messages between servers are {kinds}");
        var start = TimeProvider.System.GetTimestamp();
        for (var round = 0; round < (context.IsShort ? 4 : 15); round++)
        {
            arena.Talk(16);
            if (round % 3 == 1) arena.Stir();
            await arena.RecoverAsync(RecoveryBound, cancellationToken);
        }
        chances.Active = false;
        context.Say(FormattableString.Invariant($"{chances.Struck} messages between servers were struck in {TimeProvider.System.GetElapsedTime(start).TotalSeconds:F1} s"));
        if (chances.Struck == 0) throw new Reporting.HarnessException("No message between servers was struck.");
        var findings = await arena.FinishAsync(2 * ShrunkTimes.Tick, RecoveryBound, cancellationToken);
        return findings with { Faults = chances.Struck };
    }
}
