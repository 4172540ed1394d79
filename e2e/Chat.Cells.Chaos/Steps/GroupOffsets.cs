using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Chaos.Steps;

/// <summary>
/// What the consumer groups of a cell have committed, kept apart from the log, so that a scenario can take it away, find an older commit after a crash (commits may
/// become durable late), and have two servers hold one partition at once. As at a broker, who joins later fences who came before: an older member's commits are
/// refused.
/// </summary>
public sealed class GroupOffsets
{
    private readonly Lock gate = new();
    private readonly Dictionary<(string Group, TopicPartition Partition), List<CommittedOffset>> commits = [];
    private readonly Dictionary<string, int> generations = [];

    /// <summary>How many commits of fenced members were refused.</summary>
    public int Refused { get; private set; }

    /// <summary>A server joins a group; returns its generation.</summary>
    public int Join(string group)
    {
        lock (gate) return generations[group] = generations.GetValueOrDefault(group) + 1;
    }

    public CommittedOffset? Find(string group, TopicPartition partition)
    {
        lock (gate) return commits.TryGetValue((group, partition), out var list) && list.Count > 0 ? list[^1] : null;
    }

    public void Commit(string group, int generation, TopicPartition partition, CommittedOffset committed)
    {
        lock (gate)
        {
            if (generation < generations.GetValueOrDefault(group))
            {
                Refused++;
                return;
            }
            if (!commits.TryGetValue((group, partition), out var list)) commits[(group, partition)] = list = [];
            list.Add(committed);
        }
    }

    /// <summary>The last few commits of a group were not durable when its server died.</summary>
    public void LoseLast(string group, Func<int> howMany)
    {
        lock (gate)
        {
            foreach (var ((owner, _), list) in commits)
            {
                if (owner != group) continue;
                var lost = Math.Min(list.Count, howMany());
                list.RemoveRange(list.Count - lost, lost);
            }
        }
    }

    /// <summary>The group's commits are gone: it begins again at the oldest retained record.</summary>
    public void Forget(string group)
    {
        lock (gate)
        {
            foreach (var ((owner, _), list) in commits)
            {
                if (owner == group) list.Clear();
            }
        }
    }
}
