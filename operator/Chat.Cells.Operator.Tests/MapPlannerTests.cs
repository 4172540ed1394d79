using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using Chat.Cells.Topology;
using FsCheck;
using FsCheck.Fluent;
using static Chat.Cells.Operator.Tests.Fixtures;

namespace Chat.Cells.Operator.Tests;

public sealed class MapPlannerTests
{
    private static readonly ChatCellStatus Leaving = new() { Conditions = [new ConditionStatus { Type = ConditionTypes.UsersRemain, Status = "False" }] };

    private static MapState Next(MapState state, params MapInput[] inputs) => MapPlanner.Next(state, inputs, Now);

    private static ChatCell Ready(ChatCell cell) => cell.With(new ChatCellStatus { FirstReadyTime = Now });

    [Fact]
    public void Next_NoCells_IsNoMap() => Assert.Same(MapState.Empty, Next(MapState.Empty));

    [Fact]
    public void Next_CellComes_NumberThenDownThenActive()
    {
        var numbered = Next(MapState.Empty, Input(Cell(), address: null));
        Assert.Equal(1, numbered.Map!.Numbers["eu-west-1"]);
        Assert.Empty(numbered.Map.Cells);
        Assert.Equal(1, numbered.Map.Version);

        var down = Next(numbered, Input(Cell()));
        Assert.Equal(CellState.Down, Assert.Single(down.Map!.Cells).State);
        Assert.Equal("eu-west-1", Assert.Single(down.Map.HandleShards["eu-west"]).Cell);

        var active = Next(down, Input(Ready(Cell())));
        Assert.Equal(CellState.Active, Assert.Single(active.Map!.Cells).State);
        Assert.Equal(3, active.Map.Version);
        // A cell that is down for a while stays in the map: routers see for themselves.
        Assert.Same(active, Next(active, Input(Cell())));
    }

    [Fact]
    public void Next_NothingChanged_IsTheSameObject()
    {
        var state = Next(MapState.Empty, Input(Cell()), Input(Cell("us-east-1")));
        Assert.Same(state, Next(state, Input(Cell("us-east-1")), Input(Cell())));
    }

    [Fact]
    public void Next_TwoOfOneName_OlderWinsWhateverTheOrder()
    {
        var older = Cell(ns: "b") with { Metadata = Cell(ns: "b").Metadata with { CreationTimestamp = Now.AddDays(-2) } };
        var newer = Cell(ns: "a");
        foreach (var inputs in new[] { new[] { Input(older), Input(newer) }, [Input(newer), Input(older)] })
        {
            var state = Next(MapState.Empty, inputs);
            Assert.Equal("b", state.Owners["eu-west-1"].Namespace);
            Assert.Single(state.Map!.Cells);
            Assert.Equal(new NameClaim(NameClaimState.Taken, Holder: "b"), MapPlanner.ClaimOf(newer, state));
            Assert.Equal(new NameClaim(NameClaimState.Own, 1), MapPlanner.ClaimOf(older, state));
        }
    }

    [Fact]
    public void Next_HolderOfTheNameDeleted_TheOtherDoesNotGetIt()
    {
        var state = Next(MapState.Empty, Input(Cell()));
        state = Next(state, Input(Cell().Deleted().With(Leaving)), Input(Cell(ns: "other")));
        Assert.Empty(state.Map!.Cells);
        Assert.Equal(NameClaimState.Retired, MapPlanner.ClaimOf(Cell(ns: "other"), Next(state, Input(Cell(ns: "other")))).State);
    }

    [Theory]
    [InlineData(DeletionPolicy.Retain, NameClaimState.Own)]
    [InlineData(DeletionPolicy.Delete, NameClaimState.Retired)]
    public void Next_SameCellAgain_TakesItsNumberBackOnlyWithItsData(DeletionPolicy policy, NameClaimState expected)
    {
        var cell = Cell(spec: s => s with { DeletionPolicy = policy });
        var other = Input(Ready(Cell("us-east-1")), "10.0.0.9");
        var state = Next(MapState.Empty, Input(Ready(cell)), other);
        state = Next(state, Input(cell.Deleted().With(Leaving)), other);
        state = Next(state, other);
        Assert.Equal(["us-east-1"], state.Map!.Cells.Select(c => c.Name));
        state = Next(state, Input(cell), other, Input(Cell("us-west-1"), "10.0.0.8"));
        Assert.Equal(expected, MapPlanner.ClaimOf(cell, state).State);
        Assert.Equal(expected == NameClaimState.Own ? 1 : null, MapPlanner.ClaimOf(cell, state).Number);
        Assert.Equal(3, state.Map!.Numbers["us-west-1"]);
    }

    [Fact]
    public void Next_DeletionRefused_IsDrainingAndStays()
    {
        var state = Next(MapState.Empty, Input(Ready(Cell())));
        state = Next(state, Input(Ready(Cell()).Deleted()));
        Assert.Equal(CellState.Draining, Assert.Single(state.Map!.Cells).State);
        Assert.Equal(NameClaimState.Own, MapPlanner.ClaimOf(Cell().Deleted(), state).State);
    }

    [Fact]
    public void Next_SecondCellOfARegion_LeavesTheShardsWhereTheyAre()
    {
        var first = Input(Ready(Cell("eu-west-1")));
        var second = Input(Ready(Cell("eu-west-2")), "10.0.0.2");
        var state = Next(Next(MapState.Empty, first), first, second);
        Assert.Equal("eu-west-1", Assert.Single(state.Map!.HandleShards["eu-west"]).Cell);
        state = Next(state, Input(Ready(Cell("eu-west-1")).Deleted().With(Leaving)), second);
        Assert.Equal("eu-west-2", Assert.Single(state.Map!.HandleShards["eu-west"]).Cell);
    }

    [Fact]
    public void Next_ServiceMadeAnew_KeepsTheOldAddressTillTheNew()
    {
        var state = Next(MapState.Empty, Input(Ready(Cell())));
        Assert.Same(state, Next(state, Input(Ready(Cell()), address: null)));
        Assert.Equal("10.0.0.7", Next(state, Input(Ready(Cell()), "10.0.0.7")).Map!.Cells[0].Endpoints.Public.Host);
    }

    [Fact]
    public void Next_CellThatCannotBeProvisioned_GetsNoNumber()
    {
        var managed = Cell(spec: s => s with { Kafka = new KafkaSpec { Engine = EngineKind.Managed } });
        Assert.Same(MapState.Empty, Next(MapState.Empty, Input(managed)));
    }

    [Fact]
    public void Next_CellOnExternalEngines_StaysThatForLife()
    {
        var external = Cell(spec: s => External(s));
        var state = Next(MapState.Empty, Input(Ready(external)));
        Assert.Equal(new NameClaim(NameClaimState.Own, 1, External: true), MapPlanner.ClaimOf(external, state));
        // Also for who takes the name up again, and after the register was written and read.
        var gone = MapState.Read(Stored(Next(state, Input(Ready(external).Deleted().With(Leaving)))), []);
        var embedded = Next(gone, Input(Ready(Cell())));
        Assert.Equal(new NameClaim(NameClaimState.Own, 1, External: true), MapPlanner.ClaimOf(Cell(), embedded));
        // Registers of before know embedded cells only.
        Assert.False(MapPlanner.ClaimOf(Cell(), Next(MapState.Empty, Input(Cell()))).External);
    }

    [Fact]
    public void Next_MapLost_NumbersComeFromStatusAndTheVersionStillGrows()
    {
        var cell = Cell().With(new ChatCellStatus { Number = 7 });
        var state = Next(MapState.Empty, Input(Cell("ap-south-1"), "10.0.0.3"), Input(cell));
        Assert.Equal(7, state.Map!.Numbers["eu-west-1"]);
        Assert.Equal(8, state.Map.Numbers["ap-south-1"]);
        Assert.True(state.Map.Version >= Now.ToUnixTimeSeconds());
    }

    [Fact]
    public void State_WrittenAndRead_IsTheSame()
    {
        var state = Next(MapState.Empty, Input(Ready(Cell())), Input(Cell("us-east-1"), "10.0.0.3"));
        var read = MapState.Read(Stored(state), []);
        Assert.Same(read, Next(read, Input(Ready(Cell())), Input(Cell("us-east-1"), "10.0.0.3")));
        Assert.Equal(state.ToData(), read.ToData());
    }

    [Fact]
    public void State_FirstDamagedOrGone_TheNewestGoodCopyIsTaken()
    {
        var old = Next(MapState.Empty, Input(Cell()));
        var current = Next(old, Input(Ready(Cell())));
        var damaged = Stored(current) with { Data = new Dictionary<string, string> { ["cells.json"] = "{\"version\":9}" } };
        foreach (var first in new[] { null, damaged })
        {
            Assert.Equal(current.Map!.Version, MapState.Read(first, [Stored(old), Stored(current), damaged]).Map!.Version);
        }
        Assert.Throws<CellMapException>(() => MapState.Read(damaged, []));
        Assert.Same(MapState.Empty, MapState.Read(null, []));
    }

    [Fact]
    public void Next_AnyHistory_NumbersAreForLifeAndVersionsGrow()
    {
        // A history: at each step a set of cells, each in one of a few conditions.
        var step = Gen.Choose(0, 5).ListOf(4);
        Prop.ForAll(step.ListOf().ToArbitrary(), history =>
        {
            var state = MapState.Empty;
            var numbers = new Dictionary<string, int>();
            foreach (var conditions in history)
            {
                var inputs = conditions.Select((condition, i) => (condition, Cell: Cell($"eu-west-{i}", "n" + (i % 2), s => s with { DeletionPolicy = i == 3 ? DeletionPolicy.Delete : DeletionPolicy.Retain })))
                    .Where(c => c.condition > 0)
                    .Select(c => c.condition switch
                    {
                        1 => Input(c.Cell, address: null),
                        2 => Input(c.Cell),
                        3 => Input(Ready(c.Cell)),
                        4 => Input(Ready(c.Cell).Deleted()),
                        _ => Input(c.Cell.Deleted().With(Leaving)),
                    })
                    .ToArray();
                var next = Next(state, inputs);
                if (next.Map is null)
                {
                    continue;
                }
                var isSame = ReferenceEquals(next, state);
                var grows = state.Map is null || next.Map.Version == state.Map.Version + (isSame ? 0 : 1);
                var forLife = numbers.All(n => next.Map.Numbers[n.Key] == n.Value) && next.Map.Numbers.Values.Distinct().Count() == next.Map.Numbers.Count;
                var settled = ReferenceEquals(next, Next(next, inputs));
                if (!grows || !forLife || !settled)
                {
                    return false;
                }
                numbers = next.Map.Numbers.ToDictionary(n => n.Key, n => n.Value);
                state = next;
            }
            return true;
        }).QuickCheckThrowOnFailure();
    }

    private static V1ConfigMap Stored(MapState state) => new() { Metadata = new V1ObjectMeta { Name = Naming.MapName, Namespace = "n" }, Data = state.ToData() };
}
