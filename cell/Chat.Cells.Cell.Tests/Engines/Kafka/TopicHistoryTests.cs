using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

public sealed class TopicHistoryTests
{
    private const string Topic = "eu-west-1.chat.inbox";
    private readonly Remembered store = new();

    private TopicHistories Histories => new(store);

    [Fact]
    public async Task Open_FirstId_IsGenerationZeroAndChangesNoOffset()
    {
        var history = await Histories.OpenAsync(Topic, "a", default);

        Assert.Equal(5, history.Logical(3, 5));
        Assert.Equal(5, history.Own(3, 5));
        Assert.Same(history.Generations[0], (await Histories.OpenAsync(Topic, "a", default)).Generations[0]);
        Assert.Equal("t=5", TopicHistory.Metadata(9, "t=5"));
    }

    [Fact]
    public async Task Open_AnotherId_GivesHigherOffsetsAndForgetsOldCommits()
    {
        var old = await Histories.OpenAsync(Topic, "a", default);
        var remade = await Histories.OpenAsync(Topic, "b", default);

        Assert.True(remade.Logical(0, 0) > old.Logical(0, 1_000_000_000_000));
        Assert.Null(remade.Own(0, old.Logical(0, 7)));
        Assert.Null(remade.Committed(0, new CommittedOffset(7, "t=1")));
        var committed = remade.Logical(0, 3);
        Assert.Equal(new CommittedOffset(committed, "t=2"), remade.Committed(0, new CommittedOffset(3, TopicHistory.Metadata(committed, "t=2"))));
        Assert.Null(old.Committed(0, new CommittedOffset(3, TopicHistory.Metadata(committed, "t=2"))));
    }

    [Fact]
    public async Task Cut_OnePartition_ChangesOnlyWhatComesBehind()
    {
        await Histories.OpenAsync(Topic, "a", default);

        var cut = await Histories.CutAsync(Topic, "a", 2, 100, 0, default);

        Assert.Equal(99, cut.Logical(2, 99));
        Assert.Equal(LogOffset.Of(1, 100), cut.Logical(2, 100));
        Assert.Equal(100, cut.Logical(1, 100));
        Assert.Equal(100, cut.Own(2, 100));
        Assert.Equal(100, cut.Own(2, LogOffset.Of(1, 100)));
        Assert.Equal(50, cut.Committed(2, new CommittedOffset(50, ""))!.NextOffset);
    }

    [Fact]
    public async Task Cut_FoundByEachGroup_IsOneGeneration()
    {
        await Histories.OpenAsync(Topic, "a", default);

        var first = await Histories.CutAsync(Topic, "a", 2, 100, seen: 0, default);
        var second = await Histories.CutAsync(Topic, "a", 2, 100, seen: 0, default);

        Assert.Equal(first.Generations, second.Generations);
        Assert.Equal(2, second.Generations.Count);
    }

    [Fact]
    public async Task Cut_AtTheSamePlaceOnceMore_IsAnotherGeneration()
    {
        await Histories.OpenAsync(Topic, "a", default);
        var first = await Histories.CutAsync(Topic, "a", 2, 100, seen: 0, default);

        // Somebody has read what came there after the first loss.
        var second = await Histories.CutAsync(Topic, "a", 2, 100, LogOffset.GenerationOf(first.Logical(2, 105)), default);

        Assert.Equal(LogOffset.Of(2, 100), second.Logical(2, 100));
    }

    [Fact]
    public async Task Open_IdOfATopicThatWasMadeAgainSince_IsRefused()
    {
        await Histories.OpenAsync(Topic, "a", default);
        await Histories.CutAsync(Topic, "a", 2, 100, 0, default);
        var remade = await Histories.OpenAsync(Topic, "b", default);

        // As a broker shows it that has not heard of it yet.
        await Assert.ThrowsAsync<LogUnavailableException>(async () => await Histories.OpenAsync(Topic, "a", default));

        Assert.Equal(remade.Generations, (await Histories.OpenAsync(Topic, "b", default)).Generations);
    }

    [Fact]
    public async Task Open_ByManyAtOnce_AgreesOnOneNumber()
    {
        await Histories.OpenAsync(Topic, "a", default);

        var opened = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () => await Histories.OpenAsync(Topic, "b", default))));

        Assert.All(opened, history => Assert.Equal(1, Assert.Single(history.Generations).Number));
    }

    [Fact]
    public async Task Open_MadeAgainTooOften_Refuses()
    {
        for (var i = 0; i <= LogOffset.MaxGeneration; i++) await Histories.OpenAsync(Topic, $"id {i}", default);

        await Assert.ThrowsAsync<LogException>(async () => await Histories.OpenAsync(Topic, "one more", default));
    }

    [Fact]
    public async Task Open_BrokersWithoutTopicIds_RemembersNothing()
    {
        Assert.Equal(5, (await Histories.OpenAsync(Topic, "AAAAAAAAAAAAAAAAAAAAAA", default)).Logical(0, 5));
        Assert.Empty(await store.ListGenerationsAsync(Topic, default));
    }

    [Fact]
    public void Offsets_OverRemakesAndCuts_OnlyGrowAndAreNeverUsedTwice()
    {
        // A partition's life: appends, lost ends, and being made again.
        var lives = Gen.Choose(0, 9).ArrayOf().Select(steps => steps.ToArray());
        Prop.ForAll(lives.ToArbitrary(), async steps =>
        {
            var histories = new TopicHistories(new Remembered());
            var id = 0;
            var end = 0L;
            var history = await histories.OpenAsync(Topic, "0", default);
            var given = new List<long>();
            foreach (var step in steps)
            {
                switch (step)
                {
                    case 0:
                        history = await histories.OpenAsync(Topic, $"{++id}", default);
                        end = 0;
                        break;
                    case 1 when end > 0:
                        var seen = LogOffset.GenerationOf(history.Logical(0, end - 1));
                        end /= 2;
                        history = await histories.CutAsync(Topic, $"{id}", 0, end, seen, default);
                        break;
                    default:
                        given.Add(history.Logical(0, end));
                        Assert.Equal(end, history.Own(0, given[^1]));
                        end++;
                        break;
                }
            }
            Assert.Equal(given.Distinct().Order(), given);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));
    }

    private sealed class Remembered : ITopicGenerations
    {
        private readonly Lock gate = new();
        private readonly List<TopicGeneration> all = [];

        public ValueTask<IReadOnlyList<TopicGeneration>> ListGenerationsAsync(string topic, CancellationToken cancellationToken)
        {
            lock (gate) return new([.. all.Where(g => g.Topic == topic)]);
        }

        public ValueTask<bool> TryAddGenerationAsync(TopicGeneration generation, CancellationToken cancellationToken)
        {
            lock (gate)
            {
                if (all.Exists(g => g.Topic == generation.Topic && g.Number == generation.Number)) return new(false);
                all.Add(generation);
                return new(true);
            }
        }
    }
}
