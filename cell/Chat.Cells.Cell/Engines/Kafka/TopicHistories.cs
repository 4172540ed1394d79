using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>Reads and extends topics' generations. Any number of servers may do it at once: a number is given once, and who loses looks again.</summary>
/// <param name="store">Null where nothing is remembered: every topic is in its first generation then.</param>
internal sealed class TopicHistories(ITopicGenerations? store)
{
    /// <summary>Brokers older than 2.8 give topics no ids.</summary>
    private const string NoId = "AAAAAAAAAAAAAAAAAAAAAA";

    /// <summary>The history of a topic with this id. An id that wasn't seen before begins a new generation.</summary>
    /// <param name="topic">With the prefix.</param>
    /// <exception cref="LogException">The topic was made again too often.</exception>
    /// <exception cref="LogUnavailableException">The id is of a topic that is known to be gone: ask Kafka again.</exception>
    public async ValueTask<TopicHistory> OpenAsync(string topic, string id, CancellationToken cancellationToken)
    {
        if (store is null || id is "" or NoId) return TopicHistory.First with { Id = id };
        while (true)
        {
            var all = await store.ListGenerationsAsync(topic, cancellationToken);
            var own = all.Where(g => g.TopicId == id).ToList();
            if (own.Count > 0) return IsReplaced(all, id, own[0].Number) ? throw Replaced(topic) : new TopicHistory(id, own);
            await store.TryAddGenerationAsync(new TopicGeneration(topic, NextNumber(topic, all), id, null, 0), cancellationToken);
        }
    }

    /// <summary>A partition lost its end: from an offset on its records are of a new generation. Each group finds that out for itself; the first one gives the number.</summary>
    /// <param name="seen">The generation of the last record that the finder has seen: one that is newer and begins at the same place was given for this very loss.</param>
    /// <exception cref="LogException">That happened too often.</exception>
    public async ValueTask<TopicHistory> CutAsync(string topic, string id, int partition, long from, int seen, CancellationToken cancellationToken)
    {
        if (store is null) throw new LogException($"{topic}[{partition}] lost its end, and nothing remembers generations of topics.");
        while (true)
        {
            var all = await store.ListGenerationsAsync(topic, cancellationToken);
            if (all.Any(g => g.TopicId == id && g.Partition == partition && g.From == from && g.Number > seen)) return await OpenAsync(topic, id, cancellationToken);
            if (await store.TryAddGenerationAsync(new TopicGeneration(topic, NextNumber(topic, all), id, partition, from), cancellationToken)) return await OpenAsync(topic, id, cancellationToken);
        }
    }

    /// <summary>
    /// Kafka never gives an id twice. A broker that lags behind shows a topic that was made again as it was before; taken at its word, the new one's records would get the old
    /// one's offsets, and be dropped as repeats.
    /// </summary>
    private static bool IsReplaced(IReadOnlyList<TopicGeneration> all, string id, int begun) => all.Any(g => g.Partition is null && g.TopicId != id && g.Number > begun);

    public static LogUnavailableException Replaced(string topic) => new($"Kafka shows topic '{topic}' as it was before it was made again: a broker lags behind.");

    private static int NextNumber(string topic, IReadOnlyList<TopicGeneration> all)
    {
        var next = all.Count == 0 ? 0 : all.Max(g => g.Number) + 1;
        return next <= LogOffset.MaxGeneration ? next : throw new LogException($"Topic '{topic}' began anew {next} times, and message ids have room for no more.");
    }
}
