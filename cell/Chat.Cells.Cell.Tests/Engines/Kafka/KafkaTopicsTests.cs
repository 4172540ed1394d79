using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>What is known of topics while several find something out at once; needs no Kafka.</summary>
public sealed class KafkaTopicsTests
{
    private static readonly TopicSpec Spec = new("topic", 4, TimeSpan.FromDays(1));
    private readonly SlowStore store = new();
    private readonly FakeAdmin admin = new() { Id = "a" };
    private readonly KafkaTopics topics;

    public KafkaTopicsTests() =>
        topics = new KafkaTopics(new KafkaOptions { BootstrapServers = "none", ExternalTopics = true }, admin, new TopicHistories(store), () => { }, NullLogger.Instance);

    [Fact]
    public async Task Refresh_TopicMadeAgainMeanwhile_DoesNotGoBackToTheOldOne()
    {
        await topics.EnsureAsync([Spec], default);
        var answer = store.HoldNext();
        var refreshing = topics.RefreshAsync(Spec.Name, default).AsTask();
        admin.Id = "b";
        await topics.CheckAsync(default);

        answer.SetResult();

        Assert.Equal("b", (await refreshing).Id);
        Assert.Equal("b", topics.History(Spec.Name).Id);
    }

    [Fact]
    public async Task Refresh_PartitionCutMeanwhile_DoesNotForgetTheNewGeneration()
    {
        await topics.EnsureAsync([Spec], default);
        var answer = store.HoldNext();
        var refreshing = topics.RefreshAsync(Spec.Name, default).AsTask();
        await topics.CutAsync(Spec.Name, 2, 100, 0, default);

        answer.SetResult();
        await refreshing;

        Assert.Equal(LogOffset.Of(1, 100), topics.History(Spec.Name).Logical(2, 100));
    }

    [Fact]
    public async Task Ensure_ALaggingBrokerShowsTheOldTopicAtTheSameTime_TheNewOneStays()
    {
        await store.TryAddGenerationAsync(new TopicGeneration(Spec.Name, 0, "a", null, 0), default);
        var answer = store.HoldNext();
        var late = topics.EnsureAsync([Spec], default).AsTask();
        admin.Id = "b";
        await topics.EnsureAsync([Spec], default);

        answer.SetResult();

        await Assert.ThrowsAsync<LogUnavailableException>(() => late);
        Assert.Equal("b", topics.History(Spec.Name).Id);
    }

    private sealed class FakeAdmin : ITopicAdmin
    {
        public required string Id { get; set; }

        public Task<IReadOnlyDictionary<string, FoundTopic>> FindAsync(IReadOnlyList<string> names, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyDictionary<string, FoundTopic>>(names.ToDictionary(n => n, _ => new FoundTopic(Spec.Partitions, 3, Id)));

        public Task<int> CountBrokersAsync(CancellationToken cancellationToken) => Task.FromResult(3);

        public Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>> FindSettingsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("Somebody else makes the topics.");

        public Task CreateAsync(IReadOnlyList<TopicSpecification> wanted, CancellationToken cancellationToken) => throw new InvalidOperationException("Somebody else makes the topics.");

        public Task ConfigureAsync(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> changes, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("Somebody else makes the topics.");

        public Task<IReadOnlySet<string>> FindNamedMembersAsync(string group, CancellationToken cancellationToken) => throw new InvalidOperationException("Nobody consumes.");

        public void Dispose()
        {
        }
    }

    /// <summary>A store whose answer may be on its way for long.</summary>
    private sealed class SlowStore : ITopicGenerations
    {
        private readonly List<TopicGeneration> all = [];
        private TaskCompletionSource? hold;

        /// <summary>The next list is read now and arrives when the source is completed.</summary>
        public TaskCompletionSource HoldNext() => hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public async ValueTask<IReadOnlyList<TopicGeneration>> ListGenerationsAsync(string topic, CancellationToken cancellationToken)
        {
            List<TopicGeneration> found = [.. all];
            if (Interlocked.Exchange(ref hold, null) is { } held) await held.Task;
            return found;
        }

        public ValueTask<bool> TryAddGenerationAsync(TopicGeneration generation, CancellationToken cancellationToken)
        {
            if (all.Exists(g => g.Number == generation.Number)) return new(false);
            all.Add(generation);
            return new(true);
        }
    }
}
