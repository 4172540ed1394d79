using System.Buffers;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>The topics, their partitions, and what groups have committed. Rebuilt from the log at start; written whole at the head of each segment.</summary>
internal sealed class LogCatalog
{
    private readonly Lock gate = new();
    private readonly Dictionary<(string Group, TopicPartition Partition), CommittedOffset> commits = [];
    private readonly HashSet<(string Group, TopicPartition Partition)> unwritten = [];
    private volatile Dictionary<string, LogTopic> topics = new(StringComparer.Ordinal);
    private readonly Dictionary<ushort, LogTopic> topicsById = [];

    public IReadOnlyCollection<LogTopic> Topics => topics.Values;

    public LogTopic? FindTopic(string name) => topics.GetValueOrDefault(name);

    /// <exception cref="LogException">No such topic or partition.</exception>
    public PartitionLog Partition(TopicPartition name)
    {
        var topic = FindTopic(name.Topic) ?? throw new LogException($"There is no topic {name.Topic}: create it first.");
        return (uint)name.Partition < (uint)topic.Partitions.Length
            ? topic.Partitions[name.Partition]
            : throw new LogException($"Topic {name.Topic} has {topic.Partitions.Length} partitions; there is no {name.Partition}.");
    }

    /// <summary>By the ids that frames carry; null when unknown. Used by recovery only.</summary>
    public PartitionLog? Partition(ushort topicId, int partition) =>
        topicsById.TryGetValue(topicId, out var topic) && (uint)partition < (uint)topic.Partitions.Length ? topic.Partitions[partition] : null;

    public ushort NextTopicId()
    {
        lock (gate) return (ushort)(topicsById.Count == 0 ? 1 : topicsById.Keys.Max() + 1);
    }

    public void Add(LogTopic topic)
    {
        lock (gate)
        {
            topicsById[topic.Id] = topic;
            topics = new Dictionary<string, LogTopic>(topics, StringComparer.Ordinal) { [topic.Spec.Name] = topic };
        }
    }

    public CommittedOffset? FindCommit(string group, TopicPartition partition)
    {
        lock (gate) return commits.GetValueOrDefault((group, partition));
    }

    /// <summary>Remembers a commit; true when it is the first that waits to be written.</summary>
    public bool Commit(string group, TopicPartition partition, CommittedOffset offset)
    {
        lock (gate)
        {
            commits[(group, partition)] = offset;
            unwritten.Add((group, partition));
            return unwritten.Count == 1;
        }
    }

    public bool HasUnwrittenCommits
    {
        get
        {
            lock (gate) return unwritten.Count > 0;
        }
    }

    /// <summary>Takes the frames of the commits that wait to be written; <see cref="ReturnCommits"/> gives them back when writing fails.</summary>
    public List<(string Group, TopicPartition Partition)> TakeCommits(List<byte[]> frames)
    {
        lock (gate)
        {
            var taken = unwritten.ToList();
            unwritten.Clear();
            foreach (var key in taken) frames.Add(EncodeCommit(key.Group, key.Partition, commits[key]));
            return taken;
        }
    }

    public void ReturnCommits(List<(string Group, TopicPartition Partition)> taken)
    {
        lock (gate) unwritten.UnionWith(taken);
    }

    /// <summary>The lowest offset that some group of a partition has still to do; <see cref="long.MaxValue"/> when no group has committed there.</summary>
    public long LowestCommit(TopicPartition partition)
    {
        var lowest = long.MaxValue;
        lock (gate)
        {
            foreach (var (key, offset) in commits)
            {
                if (key.Partition == partition) lowest = Math.Min(lowest, offset.NextOffset);
            }
        }
        return lowest;
    }

    public byte[] EncodeCheckpoint()
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        var w = new RecordWriter(buffer);
        lock (gate)
        {
            w.Int(topics.Count);
            foreach (var topic in topics.Values)
            {
                WriteTopic(w, topic);
                foreach (var partition in topic.Partitions)
                {
                    w.Int(partition.Offsets.Next);
                    w.Int(partition.LastTime);
                }
            }
            w.Int(commits.Count);
            foreach (var (key, offset) in commits) WriteCommit(w, key.Group, key.Partition, offset);
        }
        return RecordFrame.Create(FrameKind.Checkpoint, 0, 0, [], buffer.WrittenSpan);
    }

    /// <summary>Takes over a checkpoint: all of it at the first segment, else it must agree with what was read.</summary>
    /// <returns>Null, or what does not agree.</returns>
    public string? ApplyCheckpoint(ReadOnlyMemory<byte> value, bool first)
    {
        var r = new RecordReader(value);
        for (var count = r.Int(); count > 0; count--)
        {
            var topic = ReadTopic(ref r);
            if (first) Add(topic);
            foreach (var read in topic.Partitions)
            {
                var (next, time) = (r.Int(), r.Int());
                if (first) read.Restore(next, time);
                else if (Partition(topic.Id, read.Name.Partition)?.Offsets.Next != next) return $"it says that {read.Name.Topic}[{read.Name.Partition}] goes on at {next}, which the segments before do not";
            }
        }
        for (var count = r.Int(); count > 0; count--) ReadCommit(ref r);
        return null;
    }

    public static byte[] EncodeTopic(LogTopic topic)
    {
        var buffer = new ArrayBufferWriter<byte>(64);
        WriteTopic(new RecordWriter(buffer), topic);
        return RecordFrame.Create(FrameKind.Topic, 0, 0, [], buffer.WrittenSpan);
    }

    public void ApplyTopic(ReadOnlyMemory<byte> value)
    {
        var r = new RecordReader(value);
        var topic = ReadTopic(ref r);
        if (topicsById.TryGetValue(topic.Id, out var known)) known.Spec = topic.Spec;
        else Add(topic);
    }

    public void ApplyCommit(ReadOnlyMemory<byte> value)
    {
        var r = new RecordReader(value);
        ReadCommit(ref r);
    }

    private static byte[] EncodeCommit(string group, TopicPartition partition, CommittedOffset offset)
    {
        using var scratch = Scratch.Take();
        WriteCommit(new RecordWriter(scratch.Buffer), group, partition, offset);
        return RecordFrame.Create(FrameKind.Commit, 0, 0, [], scratch.Buffer.WrittenSpan);
    }

    private static void WriteTopic(RecordWriter w, LogTopic topic)
    {
        w.Int(topic.Id);
        w.Text(topic.Spec.Name);
        w.Int(topic.Spec.Partitions);
        w.Int((long)topic.Spec.Retention.TotalMilliseconds);
    }

    private static LogTopic ReadTopic(ref RecordReader r)
    {
        var id = (ushort)r.Int();
        return new LogTopic(id, new TopicSpec(r.Text(), (int)r.Int(), TimeSpan.FromMilliseconds(r.Int())));
    }

    private static void WriteCommit(RecordWriter w, string group, TopicPartition partition, CommittedOffset offset)
    {
        w.Text(group);
        w.Text(partition.Topic);
        w.Int(partition.Partition);
        w.Int(offset.NextOffset);
        w.Text(offset.Metadata);
    }

    private void ReadCommit(ref RecordReader r)
    {
        var group = r.Text();
        var partition = new TopicPartition(r.Text(), (int)r.Int());
        var offset = new CommittedOffset(r.Int(), r.Text());
        lock (gate) commits[(group, partition)] = offset;
    }
}

/// <summary>A topic and its partitions.</summary>
internal sealed class LogTopic(ushort id, TopicSpec spec)
{
    public ushort Id => id;

    /// <summary>As last asked for: only the retention may change.</summary>
    public TopicSpec Spec { get; set; } = spec;

    public PartitionLog[] Partitions { get; } = [.. Enumerable.Range(0, spec.Partitions).Select(i => new PartitionLog(new TopicPartition(spec.Name, i), id))];
}
