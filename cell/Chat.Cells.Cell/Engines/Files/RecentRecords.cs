namespace Chat.Cells.Cell.Engines.Files;

/// <summary>Bounds the bytes of recent records over all partitions: the oldest of the log goes first. Used by one thread.</summary>
internal sealed class RecentRecords(int capacity)
{
    private readonly Queue<(PartitionLog Partition, int Bytes)> order = new();
    private long bytes;

    public void Added(PartitionLog partition, int frameBytes)
    {
        order.Enqueue((partition, frameBytes));
        bytes += frameBytes;
        while (bytes > capacity && order.TryDequeue(out var oldest))
        {
            bytes -= oldest.Bytes;
            oldest.Partition.DropRecent();
        }
    }
}
