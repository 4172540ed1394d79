using System.Text;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Inbox;

/// <summary>
/// Appends events to <c>chat.inbox</c>: one record per inbox partition of the recipients. Appends are not awaited one by one; instead each record names the one
/// before it (<see cref="InboxRecord.Previous"/>), so that delivery sees when an append in the middle failed. After any failure this instance must not be used again.
/// One instance serves one processor. Not thread-safe.
/// </summary>
public sealed class InboxAppender(IMessageLog log, int partitions)
{
    private readonly Dictionary<(long Source, int Partition), long> previous = [];
    private readonly List<string>?[] split = new List<string>?[partitions];

    /// <summary>
    /// All appends before are in the log: a failed one can't lie between them and what comes, so the first that comes names none before it. If it did, what the log lost
    /// afterwards, or dropped for its age before delivery read it, would hold up all that follows.
    /// </summary>
    public void BeginBatch() => previous.Clear();

    /// <summary>Starts the appends and adds them to <paramref name="pending"/>. Events of one source come in the order of their source offsets.</summary>
    public void Append(InboxRecord record, ICollection<Task> pending, CancellationToken cancellationToken)
    {
        foreach (var user in record.Recipients) (split[PartitionOf(user)] ??= []).Add(user);
        for (var partition = 0; partition < split.Length; partition++)
        {
            if (split[partition] is not { } users) continue;
            split[partition] = null;
            var chain = (record.Source, partition);
            var part = InboxRecord.Encode(record, users, previous.TryGetValue(chain, out var offset) ? offset : null);
            previous[chain] = record.SourceOffset;
            var key = Encoding.UTF8.GetBytes(users[0]);
            pending.Add(log.AppendAsync(new TopicPartition(Topics.InboxTopic, partition), key, part, cancellationToken).AsTask());
        }
    }

    private int PartitionOf(string userId)
    {
        Span<byte> utf8 = stackalloc byte[256];
        return Encoding.UTF8.TryGetBytes(userId, utf8, out var length)
            ? KeyPartitioner.PartitionFor(utf8[..length], partitions)
            : KeyPartitioner.PartitionFor(Encoding.UTF8.GetBytes(userId), partitions);
    }
}
