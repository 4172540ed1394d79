namespace Chat.Cells.Cell.Ports;

/// <summary>
/// Remembers, outside the log, how often offsets of a topic began anew: because the topic was deleted and made again, or because a partition lost its end. Without it
/// new records at low offsets would be taken for old ones. Durable; callers agree because a number is given once.
/// </summary>
public interface ITopicGenerations
{
    /// <summary>All generations of a topic, by number.</summary>
    ValueTask<IReadOnlyList<TopicGeneration>> ListGenerationsAsync(string topic, CancellationToken cancellationToken);

    /// <summary>Adds one; false, and nothing is changed, when its topic has one of that number already.</summary>
    ValueTask<bool> TryAddGenerationAsync(TopicGeneration generation, CancellationToken cancellationToken);
}

/// <summary>From an offset on, the records of a topic belong to this generation.</summary>
/// <param name="Topic">As the log's servers name it, with the cell's prefix.</param>
/// <param name="Number">Counts from 0.</param>
/// <param name="TopicId">The server's own id of the topic: one that is deleted and made again has another.</param>
/// <param name="Partition">The only partition that it is about; null for all.</param>
/// <param name="From">The first offset, as the server counts.</param>
public sealed record TopicGeneration(string Topic, int Number, string TopicId, int? Partition, long From);

/// <summary>
/// Offsets as everybody but the log engine sees them: they never begin anew. The upper bits are the generation (0 for a log that never lost anything), the lower ones
/// the server's own offset. 48 bits in all, which is what message ids have room for.
/// </summary>
public static class LogOffset
{
    public const int MaxGeneration = 255;
    private const int OwnBits = 40;

    /// <param name="generation">0 to <see cref="MaxGeneration"/>.</param>
    /// <param name="own">The server's offset: below 2^40, which is a million records a second for twelve days of every partition, and years at any real rate.</param>
    public static long Of(int generation, long own) => ((long)generation << OwnBits) | own;

    public static int GenerationOf(long offset) => (int)(offset >> OwnBits);

    public static long OwnOf(long offset) => offset & ((1L << OwnBits) - 1);

    /// <summary>No record of the generation can be before it.</summary>
    public static bool IsFirst(long offset) => OwnOf(offset) == 0;
}
