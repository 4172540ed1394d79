using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// The readers in use, and a few idle ones: each is a Kafka client with threads of its own, so that one per partition would be too many. One read of a
/// partition at a time has a reader that keeps its place; a second one at once gets another.
/// </summary>
internal sealed class PartitionReaders(KafkaOptions options, TimeProvider time) : IDisposable
{
    private const int MaxIdle = 16;
    private readonly Lock _lock = new();
    private readonly LinkedList<PartitionReader> _idle = new();
    private int _generation;
    private bool _disposed;

    public async Task<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken)
    {
        var reader = Take(partition, out var generation);
        var isGood = true;
        try
        {
            return await reader.ReadAsync(fromOffset, maxRecords, wait, cancellationToken);
        }
        catch (LogUnavailableException)
        {
            // Brokers that left and came back may be lost to its client for good (see KafkaObservers): the next read has another.
            isGood = false;
            throw;
        }
        finally
        {
            if ((isGood ? GiveBack(reader, generation) : reader) is { } done) await Task.Run(done.Dispose, CancellationToken.None);
        }
    }

    /// <summary>The readers keep their places in topics; call it when topics were made again. Blocks until the idle ones are gone.</summary>
    public void Reset()
    {
        PartitionReader[] idle;
        lock (_lock)
        {
            _generation++;
            idle = [.. _idle];
            _idle.Clear();
        }
        foreach (var reader in idle) reader.Dispose();
    }

    private PartitionReader Take(TopicPartition partition, out int generation)
    {
        lock (_lock)
        {
            generation = _generation;
            ObjectDisposedException.ThrowIf(_disposed, this);
            for (var node = _idle.First; node is not null; node = node.Next)
            {
                if (node.Value.Partition != partition) continue;
                _idle.Remove(node);
                return node.Value;
            }
        }
        return new PartitionReader(options, time, partition);
    }

    /// <summary>The reader to be disposed for it, if any.</summary>
    private PartitionReader? GiveBack(PartitionReader reader, int generation)
    {
        lock (_lock)
        {
            if (_disposed || generation != _generation) return reader;
            _idle.AddFirst(reader);
            if (_idle.Count <= MaxIdle) return null;
            var oldest = _idle.Last!.Value;
            _idle.RemoveLast();
            return oldest;
        }
    }

    public void Dispose()
    {
        PartitionReader[] idle;
        lock (_lock)
        {
            _disposed = true;
            idle = [.. _idle];
            _idle.Clear();
        }
        foreach (var reader in idle) reader.Dispose();
    }
}
