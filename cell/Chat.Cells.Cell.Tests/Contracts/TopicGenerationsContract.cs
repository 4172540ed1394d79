using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>What every <see cref="ITopicGenerations"/> owes the log. Names are unique to each test, so it may run on shared servers.</summary>
public abstract class TopicGenerationsContract : IAsyncLifetime
{
    private readonly string topic = $"topic.{Ulid.NewUlid()}";

    protected ITopicGenerations Generations { get; private set; } = null!;

    protected abstract ValueTask<ITopicGenerations> OpenAsync();

    protected abstract ValueTask CloseAsync();

    public async Task InitializeAsync()
    {
        Generations = await OpenAsync();
        ContractRuns.Ran(GetType());
    }

    public async Task DisposeAsync() => await CloseAsync();

    private TopicGeneration Generation(int number, string id = "id", int? partition = null, long from = 0) => new(topic, number, id, partition, from);

    [Fact]
    public async Task List_NothingAdded_IsEmpty() => Assert.Empty(await Generations.ListGenerationsAsync(topic, default));

    [Fact]
    public async Task TryAdd_SeveralInAnyOrder_AreListedByNumberWithAllTheySay()
    {
        Assert.True(await Generations.TryAddGenerationAsync(Generation(1, "other", 127, 1L << 39), default));
        Assert.True(await Generations.TryAddGenerationAsync(Generation(0), default));
        Assert.True(await Generations.TryAddGenerationAsync(Generation(0) with { Topic = topic + ".another" }, default));

        Assert.Equal([Generation(0), Generation(1, "other", 127, 1L << 39)], await Generations.ListGenerationsAsync(topic, default));
    }

    [Fact]
    public async Task TryAdd_ANumberThatIsTaken_IsFalseAndChangesNothing()
    {
        await Generations.TryAddGenerationAsync(Generation(0), default);

        Assert.False(await Generations.TryAddGenerationAsync(Generation(0, "other", 1, 5), default));

        Assert.Equal(Generation(0), Assert.Single(await Generations.ListGenerationsAsync(topic, default)));
    }

    [Fact]
    public async Task TryAdd_OneNumberByManyAtOnce_OneGetsIt()
    {
        var added = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(async () => (i, Won: await Generations.TryAddGenerationAsync(Generation(0, $"id {i}"), default)))));

        var winner = Assert.Single(added, a => a.Won);
        Assert.Equal(Generation(0, $"id {winner.i}"), Assert.Single(await Generations.ListGenerationsAsync(topic, default)));
    }
}
