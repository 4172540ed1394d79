using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Connections;

/// <summary>
/// What one socket was sent, bounded: per channel the highest message id and membership version (the channels used last), and the messages of others that it hasn't
/// acked yet. Not thread-safe: guarded by its connection.
/// </summary>
internal sealed class SentHistory
{
    private const int MaxChannels = 64;
    private const int MaxUnacked = 1_024;

    // Made when there is something to remember: most sockets are idle.
    private Dictionary<string, LinkedListNode<Seen>>? channels;
    private LinkedList<Seen>? recent;
    private Queue<Unacked>? unacked;

    // What had no room there, one per channel and sender: a device that catches up acks thousands at once, and each author waits for their tick.
    private Dictionary<(string ChannelId, string SenderId), Unacked>? folded;

    public void Add(InboxRecord record, string userId, InboxCursor cursor)
    {
        var id = record.Kind == InboxKind.Message ? record.EventId : (Ulid?)null;
        Touch(record.ChannelId, id, record.ChannelVersion);
        if (id is null || record.SenderId == userId) return;
        unacked ??= new Queue<Unacked>();
        if (unacked.Count == MaxUnacked) Fold(unacked.Dequeue());
        unacked.Enqueue(new Unacked(cursor, record.ChannelId, id.Value, record.SenderId));
    }

    /// <summary>The socket knows this id: it was acked its own message.</summary>
    public void Acked(string channelId, Ulid messageId) => Touch(channelId, messageId, 0);

    /// <summary>Whether the socket was sent this id or a higher one, and the newest version of the channel that it was sent (0 when none).</summary>
    public (bool Knows, int Version) Find(string channelId, Ulid? messageId)
    {
        if (channels is null || !channels.TryGetValue(channelId, out var node)) return (false, 0);
        return (messageId is { } id && node.Value.Highest is { } highest && id <= highest, node.Value.Version);
    }

    /// <summary>Takes what lies at or below a cursor: per channel the highest id and the senders.</summary>
    public List<Delivered> TakeDelivered(InboxCursor upTo)
    {
        var taken = new List<Delivered>();
        if (folded is not null)
        {
            foreach (var (key, older) in folded)
            {
                if (older.Cursor > upTo) continue;
                folded.Remove(key);
                Take(taken, older);
            }
        }
        while (unacked is not null && unacked.TryPeek(out var next) && next.Cursor <= upTo) Take(taken, unacked.Dequeue());
        return taken;
    }

    private static void Take(List<Delivered> taken, Unacked next)
    {
        var at = 0;
        while (at < taken.Count && taken[at].ChannelId != next.ChannelId) at++;
        if (at == taken.Count)
        {
            taken.Add(new Delivered(next.ChannelId, next.MessageId, new Dictionary<string, Ulid> { [next.SenderId] = next.MessageId }));
            return;
        }
        var senders = taken[at].Senders;
        if (!senders.TryGetValue(next.SenderId, out var before) || next.MessageId > before) senders[next.SenderId] = next.MessageId;
        if (next.MessageId > taken[at].MessageId) taken[at] = taken[at] with { MessageId = next.MessageId };
    }

    private void Fold(Unacked old)
    {
        var key = (old.ChannelId, old.SenderId);
        folded ??= [];
        if (folded.TryGetValue(key, out var before)) folded[key] = before.MessageId > old.MessageId ? old with { MessageId = before.MessageId } : old;
        else if (folded.Count < MaxUnacked) folded[key] = old;
    }

    private void Touch(string channelId, Ulid? messageId, int version)
    {
        channels ??= [];
        recent ??= new LinkedList<Seen>();
        if (channels.TryGetValue(channelId, out var node))
        {
            recent.Remove(node);
            node.Value = new Seen(channelId, messageId > node.Value.Highest || node.Value.Highest is null ? messageId ?? node.Value.Highest : node.Value.Highest, Math.Max(version, node.Value.Version));
        }
        else
        {
            node = new LinkedListNode<Seen>(new Seen(channelId, messageId, version));
            channels[channelId] = node;
            if (channels.Count > MaxChannels)
            {
                channels.Remove(recent.First!.Value.ChannelId);
                recent.RemoveFirst();
            }
        }
        recent.AddLast(node);
    }

    private readonly record struct Seen(string ChannelId, Ulid? Highest, int Version);

    private readonly record struct Unacked(InboxCursor Cursor, string ChannelId, Ulid MessageId, string SenderId);
}

/// <summary>Messages of others that a device has taken in, in one channel.</summary>
/// <param name="MessageId">The highest id.</param>
/// <param name="Senders">Each sender's highest id.</param>
internal readonly record struct Delivered(string ChannelId, Ulid MessageId, Dictionary<string, Ulid> Senders);
