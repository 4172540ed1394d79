using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>A log in memory. Consumers are driven by hand, see <see cref="Worker"/>.</summary>
internal sealed class TestLog(Faults faults) : IMessageLog
{
    private readonly Lock gate = new();
    private readonly Dictionary<TopicPartition, List<LogRecord>> partitions = [];
    private readonly Dictionary<string, int> topics = [];
    private readonly Dictionary<(string Group, TopicPartition Partition), CommittedOffset> commits = [];

    /// <summary>Stamped on the next appends, in Unix ms.</summary>
    public long Now { get; set; } = 1_700_000_000_000;

    /// <summary>Appends for which this is true are refused, the ones after them are not.</summary>
    public Func<TopicPartition, bool> Refuses { get; set; } = _ => false;

    /// <summary>The largest record that is taken, key and value together.</summary>
    public int MaxRecordBytes { get; set; } = 2_000_000;

    /// <summary>Partitions of which nothing is retained any more.</summary>
    public HashSet<TopicPartition> Expired { get; } = [];

    /// <summary>The oldest retained offsets, where that isn't 0.</summary>
    public Dictionary<TopicPartition, long> Oldest { get; } = [];

    /// <summary>What goes on elsewhere while somebody waits for a commit.</summary>
    public Func<Task> Meanwhile { get; set; } = () => Task.CompletedTask;

    public IReadOnlyList<LogRecord> Records(TopicPartition partition)
    {
        lock (gate) return partitions.TryGetValue(partition, out var records) ? [.. records] : [];
    }

    /// <summary>All records of all partitions.</summary>
    public long Total
    {
        get
        {
            lock (gate) return partitions.Values.Sum(p => (long)p.Count);
        }
    }

    public CommittedOffset? Committed(string group, TopicPartition partition)
    {
        lock (gate) return commits.GetValueOrDefault((group, partition));
    }

    public void SetCommitted(string group, TopicPartition partition, CommittedOffset? committed)
    {
        lock (gate)
        {
            if (committed is null) commits.Remove((group, partition));
            else commits[(group, partition)] = committed;
        }
    }

    public void Commit(string group, TopicPartition partition, long next, string metadata)
    {
        faults.Step();
        SetCommitted(group, partition, new CommittedOffset(next, metadata));
    }

    /// <summary>Appends without counting as an effect: what clients and peers did.</summary>
    public long Add(TopicPartition partition, byte[] key, byte[] value)
    {
        lock (gate)
        {
            if (!partitions.TryGetValue(partition, out var records)) partitions[partition] = records = [];
            records.Add(new LogRecord(records.Count, Now, key, value));
            return records.Count - 1;
        }
    }

    public ValueTask EnsureTopicsAsync(IReadOnlyList<TopicSpec> specs, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            foreach (var spec in specs)
            {
                if (!topics.TryAdd(spec.Name, spec.Partitions) && topics[spec.Name] != spec.Partitions) throw new LogException($"{spec.Name} has another count.");
            }
        }
        return ValueTask.CompletedTask;
    }

    public int PartitionCount(string topic) => topics.TryGetValue(topic, out var count) ? count : throw new LogException($"No topic {topic}.");

    public ValueTask<LogPosition> AppendAsync(TopicPartition partition, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        if (key.Length + value.Length > MaxRecordBytes) return ValueTask.FromException<LogPosition>(new LogException($"A record of {key.Length + value.Length} bytes is too long."));
        if (Refuses(partition)) return ValueTask.FromException<LogPosition>(new LogFullException("No room."));
        try
        {
            faults.Step();
        }
        catch (CrashException e)
        {
            return ValueTask.FromException<LogPosition>(e);
        }
        return ValueTask.FromResult(new LogPosition(Add(partition, key.ToArray(), value.ToArray()), Now));
    }

    public Task ConsumeAsync(string group, IReadOnlyList<string> consumed, IPartitionProcessorFactory factory, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Drive it with a Worker.");

    public ValueTask<IReadOnlyList<LogRecord>> ReadAsync(TopicPartition partition, long fromOffset, int maxRecords, TimeSpan wait, CancellationToken cancellationToken)
    {
        var records = Records(partition);
        var oldest = Oldest.GetValueOrDefault(partition);
        if (fromOffset > records.Count || fromOffset < oldest) throw new OffsetOutOfRangeException(partition, fromOffset, new OffsetRange(oldest, records.Count));
        return ValueTask.FromResult<IReadOnlyList<LogRecord>>([.. records.Skip((int)fromOffset).Take(maxRecords)]);
    }

    public ValueTask<OffsetRange> GetOffsetsAsync(TopicPartition partition, CancellationToken cancellationToken) =>
        ValueTask.FromResult(new OffsetRange(Expired.Contains(partition) ? Records(partition).Count : Oldest.GetValueOrDefault(partition), Records(partition).Count));

    public async ValueTask<CommittedOffset?> GetCommittedAsync(string group, TopicPartition partition, CancellationToken cancellationToken)
    {
        await Meanwhile();
        return Committed(group, partition);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
