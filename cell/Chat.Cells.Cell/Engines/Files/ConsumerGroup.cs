using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>One call of <see cref="IMessageLog.ConsumeAsync"/>: a member of a group.</summary>
internal sealed record GroupMember(IReadOnlySet<TopicPartition> Partitions, IPartitionProcessorFactory Factory);

/// <summary>
/// The members of one consumer group and who has which partition. A partition changes hands in order: its processor's token is cancelled, the processor ends and
/// is disposed, and only then the next one starts. Nothing here waits: each end of a processor starts the next.
/// </summary>
/// <param name="runAsync">Runs a processor of a partition until cancelled; never throws.</param>
internal sealed class ConsumerGroup(Func<GroupMember, TopicPartition, CancellationToken, Task> runAsync)
{
    private readonly Lock gate = new();
    private readonly List<GroupMember> members = [];
    private readonly Dictionary<TopicPartition, Slot> slots = [];

    /// <summary>True while a member takes part in consuming the partition.</summary>
    public bool Consumes(TopicPartition partition)
    {
        lock (gate) return slots.TryGetValue(partition, out var slot) && (slot.Wanted is not null || slot.Owner is not null);
    }

    /// <summary>Takes part until cancelled and all its processors are disposed.</summary>
    public async Task JoinAsync(GroupMember member, CancellationToken cancellationToken)
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), left);
        Change(() => members.Add(member));
        await left.Task;
        await Task.WhenAll(Change(() => members.Remove(member), of: member));
    }

    private List<Task> Change(Action change, GroupMember? of = null)
    {
        var revoked = new List<CancellationTokenSource>();
        var ending = new List<Task>();
        lock (gate)
        {
            change();
            Share();
            foreach (var slot in slots.Values)
            {
                if (slot.Owner is not null && slot.Owner == of) ending.Add(slot.Ended!.Task);
                if (Settle(slot) is { } source) revoked.Add(source);
            }
        }
        // Outside the lock: cancelling runs other people's callbacks.
        foreach (var source in revoked) source.Cancel();
        return ending;
    }

    /// <summary>Decides who shall have each partition: who has it keeps it unless that is more than its share.</summary>
    private void Share()
    {
        foreach (var partition in members.SelectMany(member => member.Partitions)) slots.TryAdd(partition, new Slot(partition));
        var load = members.ToDictionary(member => member, _ => 0);
        foreach (var topic in slots.Values.OrderBy(slot => slot.Partition.Partition).GroupBy(slot => slot.Partition.Topic))
        {
            var able = members.Where(member => topic.Any(slot => member.Partitions.Contains(slot.Partition))).ToList();
            var share = able.Count == 0 ? 0 : (topic.Count() + able.Count - 1) / able.Count;
            var taken = able.ToDictionary(member => member, _ => 0);
            foreach (var slot in topic)
            {
                var keeps = slot.Wanted is { } owner && taken.TryGetValue(owner, out var count) && count < share;
                if (!keeps) slot.Wanted = null;
                else Take(slot, slot.Wanted!);
            }
            foreach (var slot in topic.Where(slot => slot.Wanted is null))
            {
                // The least loaded in this topic; among those, the least loaded over all.
                var next = able.OrderBy(member => taken[member]).ThenBy(member => load[member]).FirstOrDefault();
                if (next is not null) Take(slot, next);
            }

            void Take(Slot slot, GroupMember member)
            {
                slot.Wanted = member;
                taken[member]++;
                load[member]++;
            }
        }
    }

    /// <summary>Moves a slot towards what is wanted; returns what is to be cancelled.</summary>
    private CancellationTokenSource? Settle(Slot slot)
    {
        if (slot.Owner is not null) return slot.Owner == slot.Wanted ? null : slot.Revoked;
        if (slot.Wanted is not { } member) return null;
        slot.Owner = member;
        slot.Revoked = new CancellationTokenSource();
        slot.Ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var revoked = slot.Revoked.Token;
        _ = Task.Run(() => RunAsync(slot, member, revoked), CancellationToken.None);
        return null;
    }

    private async Task RunAsync(Slot slot, GroupMember member, CancellationToken revoked)
    {
        await runAsync(member, slot.Partition, revoked);
        TaskCompletionSource ended;
        lock (gate)
        {
            // The source has no timer and no handle: it need not be disposed, and may still be about to be cancelled by another thread.
            ended = slot.Ended!;
            slot.Owner = null;
            slot.Revoked = null;
            slot.Ended = null;
            Settle(slot);
        }
        ended.SetResult();
    }

    private sealed class Slot(TopicPartition partition)
    {
        public TopicPartition Partition => partition;

        /// <summary>Who shall have it.</summary>
        public GroupMember? Wanted { get; set; }

        /// <summary>Whose processor runs, until it is disposed.</summary>
        public GroupMember? Owner { get; set; }

        public CancellationTokenSource? Revoked { get; set; }
        public TaskCompletionSource? Ended { get; set; }
    }
}
