using Cassandra;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>The log's generations; a number is given once, by a lightweight transaction.</summary>
public sealed partial class CassandraStore : ITopicGenerations
{
    /// <summary>What stands in <c>log_partition</c> for all of them.</summary>
    private const int AllPartitions = -1;

    public ValueTask<IReadOnlyList<TopicGeneration>> ListGenerationsAsync(string topic, CancellationToken cancellationToken) => OnRingAsync<IReadOnlyList<TopicGeneration>>(async ring =>
    {
        var generations = new List<TopicGeneration>();
        await foreach (var row in ReadPagesAsync(ring, ring.Bind(ring.Cql.ListGenerations, topic), RowPage, cancellationToken)) generations.Add(ReadGeneration(row, topic));
        return generations;
    });

    public ValueTask<bool> TryAddGenerationAsync(TopicGeneration generation, CancellationToken cancellationToken) => OnRingAsync(ring => transactions.DecideAsync<bool>(
        generation.Topic,
        async maybeApplied =>
        {
            var addition = await WriteAsync(
                ring,
                ring.BindConditional(
                    ring.Cql.AddGeneration, generation.Topic, generation.Number, generation.TopicId, generation.Partition ?? AllPartitions, generation.From),
                cancellationToken);
            return addition.WasApplied || (maybeApplied && ReadGeneration(addition[0], generation.Topic) == generation);
        },
        cancellationToken));

    private static TopicGeneration ReadGeneration(Row row, string topic)
    {
        var partition = row.GetValue<int>("log_partition");
        return new TopicGeneration(topic, row.GetValue<int>("number"), row.GetValue<string>("topic_id"), partition == AllPartitions ? null : partition, row.GetValue<long>("from_offset"));
    }
}
