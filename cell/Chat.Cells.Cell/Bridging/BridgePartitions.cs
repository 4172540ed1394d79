namespace Chat.Cells.Cell.Bridging;

/// <summary>
/// Asks the log about all of a topic's partitions: several at a time, since a bridge copies nothing before all have answered, and not all at once, since each read may need a
/// client of its own.
/// </summary>
internal static class BridgePartitions
{
    /// <summary>Questions under way at once.</summary>
    public const int AtOnce = 8;

    /// <exception cref="Ports.LogException">The log did not answer one of them; the others are cancelled.</exception>
    public static Task ForEachAsync(int partitions, Func<int, CancellationToken, Task> ask, CancellationToken cancellationToken) => Parallel.ForAsync(
        0, partitions, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken }, async (partition, token) => await ask(partition, token));
}
