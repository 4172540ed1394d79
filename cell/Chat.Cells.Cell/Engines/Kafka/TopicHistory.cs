using System.Globalization;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// Translates between Kafka's offsets of one topic and the log's (<see cref="LogOffset"/>), by the topic's generations. Immutable. For one partition the log's offsets
/// grow as Kafka's do, and no two records ever share one.
/// </summary>
/// <param name="Id">Kafka's id of the topic as it is now.</param>
/// <param name="Generations">Those of this id.</param>
internal sealed record TopicHistory(string Id, IReadOnlyList<TopicGeneration> Generations)
{
    /// <summary>A topic that was never made again, as far as anybody knows.</summary>
    public static readonly TopicHistory First = new("", [new TopicGeneration("", 0, "", null, 0)]);

    /// <summary>The highest number that is known; a list that was read later never has a lower one.</summary>
    public int Newest => Generations.Max(g => g.Number);

    /// <summary>The log's offset of a record, or of the place behind the last one.</summary>
    public long Logical(int partition, long own)
    {
        var generation = -1;
        foreach (var g in Generations)
        {
            if ((g.Partition is null || g.Partition == partition) && g.From <= own && g.Number > generation) generation = g.Number;
        }
        return LogOffset.Of(Math.Max(0, generation), own);
    }

    /// <summary>The same records with the log's offsets.</summary>
    public IReadOnlyList<LogRecord> Logical(int partition, IReadOnlyList<LogRecord> own)
    {
        if (Generations is [{ Number: 0 }]) return own;
        var records = new LogRecord[own.Count];
        for (var i = 0; i < records.Length; i++) records[i] = own[i] with { Offset = Logical(partition, own[i].Offset) };
        return records;
    }

    /// <summary>Kafka's offset for one of the log's; null when that belongs to a topic that is gone.</summary>
    public long? Own(int partition, long logical)
    {
        var generation = LogOffset.GenerationOf(logical);
        return Generations.Any(g => g.Number == generation && (g.Partition is null || g.Partition == partition)) ? LogOffset.OwnOf(logical) : null;
    }

    /// <summary>What a group committed, in the log's offsets; null when it was of a topic that is gone.</summary>
    public CommittedOffset? Committed(int partition, CommittedOffset? own)
    {
        if (own is null) return null;
        var generation = 0;
        var metadata = own.Metadata;
        if (metadata.StartsWith('g') && metadata.IndexOf(';', StringComparison.Ordinal) is var end and > 1
            && int.TryParse(metadata.AsSpan(1, end - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var named))
        {
            generation = named;
            metadata = metadata[(end + 1)..];
        }
        var offset = LogOffset.Of(generation, own.NextOffset);
        return Own(partition, offset) is null ? null : new CommittedOffset(offset, metadata);
    }

    /// <summary>What a commit carries, so that it is never taken for one of a topic of the same name. That of the first generation is the processor's alone.</summary>
    public static string Metadata(long nextOffset, string metadata) =>
        LogOffset.GenerationOf(nextOffset) is var generation and > 0 ? string.Create(CultureInfo.InvariantCulture, $"g{generation};{metadata}") : metadata;
}
