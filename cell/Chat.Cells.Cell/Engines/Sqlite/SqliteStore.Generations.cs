using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Generations of the log's topics.</summary>
public sealed partial class SqliteStore : ITopicGenerations
{
    private const int AllPartitions = -1;

    public ValueTask<IReadOnlyList<TopicGeneration>> ListGenerationsAsync(string topic, CancellationToken cancellationToken) =>
        new(readers.Read(topic, static (database, topic) =>
        {
            var statement = database["SELECT number, topic_id, partition, from_offset FROM topic_generations WHERE topic = ?1 ORDER BY number"].Bind(1, topic);
            try
            {
                var rows = new List<TopicGeneration>();
                while (statement.Step())
                {
                    rows.Add(new TopicGeneration(topic, statement.Int32(0), statement.Text(1), statement.Int32(2) is var p && p != AllPartitions ? p : null, statement.Int64(3)));
                }
                return rows;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public async ValueTask<bool> TryAddGenerationAsync(TopicGeneration generation, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return await writer.RunAsync(database =>
        {
            return database["INSERT INTO topic_generations VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING"]
                .Bind(1, generation.Topic)
                .Bind(2, generation.Number)
                .Bind(3, generation.TopicId)
                .Bind(4, generation.Partition ?? AllPartitions)
                .Bind(5, generation.From)
                .Execute() > 0;
        });
    }
}
