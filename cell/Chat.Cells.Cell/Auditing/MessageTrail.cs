using System.Text;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Auditing;

internal enum AuditOutcome
{
    /// <summary>Its row is there, and it is in the inboxes that were looked into.</summary>
    Found,

    /// <summary>Accepted, and something of it is missing for certain.</summary>
    Lost,

    /// <summary>As <see cref="Found"/>, but an inbox has it twice.</summary>
    Doubled,

    /// <summary>Refused, a repeat, or answered by a later record of the same request: nobody was promised anything for this one.</summary>
    NotAccepted,

    /// <summary>
    /// Fan-out is past it and the store knows no verdict: it was answered with <c>retry</c> and not sent again, or went to <c>chat.dead</c>, or its request row is lost, perhaps
    /// with its message. The first two leave no trace either, so that only how often this is says something.
    /// </summary>
    NoVerdict,

    /// <summary>On its way: to be looked at again.</summary>
    Pending,

    /// <summary>An inbox holds more than the auditor reads of one.</summary>
    Unknown,
}

/// <param name="Stage">Of a loss: <c>store</c> (no message row), <c>fanout</c> (never appended for an inbox) or <c>inbox</c> (no inbox row).</param>
/// <param name="UserId">Of a loss or a double: whose inbox.</param>
internal readonly record struct AuditResult(AuditOutcome Outcome, string? Stage = null, Ulid? MessageId = null, string? UserId = null);

/// <summary>
/// Follows one send from its place in the log to the message row and the inboxes of those who live here. It knows only what the log and the store hold, and nothing of the
/// workers' memory: what they forgot, it misses.
/// </summary>
internal sealed class MessageTrail(IMessageLog log, IMessageStore store, ICellDirectory cells, Topics topics)
{
    /// <summary>Of a group's recipients so many inboxes are read for a message, others for the next.</summary>
    private const int MaxRecipients = 16;

    private const int RowsPerRead = 500;
    private const int MaxReads = 10;

    /// <summary>So many of the rows that were read anyway are looked at behind a message for the same one again.</summary>
    private const int RowsForDoubles = 100;

    private const int RememberedPlaces = 5_000;

    private readonly RecentCache<(ushort Partition, string User), InboxCursor> places = new(RememberedPlaces);
    private readonly Dictionary<int, IReadOnlyDictionary<long, long>> marks = [];

    // For the send of each log partition that is waited for: how far delivery has to come in an inbox partition. Sends are followed in their order, one at a time.
    private readonly Dictionary<(ushort Partition, int Inbox), (long Offset, long End)> awaited = [];

    /// <param name="partition">The partition of the send; fan-out has committed past it.</param>
    public async ValueTask<AuditResult> FollowAsync(TopicPartition partition, LogRecord record, SendRecord send, CancellationToken cancellationToken)
    {
        var request = await store.FindRequestAsync(send.ChannelId, send.Origin.UserId, send.Origin.RequestId, cancellationToken);
        if (request is null) return new AuditResult(AuditOutcome.NoVerdict);
        if (request is not { MessageId: { } id, ErrorCode: null } || request.Position != record.Offset) return new AuditResult(AuditOutcome.NotAccepted);
        if (await store.FindMessageAsync(send.ChannelId, id, cancellationToken) is null) return new AuditResult(AuditOutcome.Lost, "store", id);
        if (await store.FindChannelAsync(send.ChannelId, cancellationToken) is not { } channel) return new AuditResult(AuditOutcome.Lost, "store", id);

        var found = new AuditResult(AuditOutcome.Found, null, id);
        var number = Topics.LogPartition(partition);
        foreach (var user in Sample(channel, record.Offset))
        {
            var result = await FindInInboxAsync(user, number, record, id, cancellationToken);
            if (result.Outcome is AuditOutcome.Lost or AuditOutcome.Pending) return result;
            if (result.Outcome == AuditOutcome.Doubled || found.Outcome == AuditOutcome.Found) found = result;
        }
        return found;
    }

    private async ValueTask<AuditResult> FindInInboxAsync(string user, ushort number, LogRecord record, Ulid id, CancellationToken cancellationToken)
    {
        var inbox = KeyPartitioner.PartitionFor(Encoding.UTF8.GetBytes(user), topics.Inbox);
        if (!await IsDeliveredAsync(inbox, number, record.Offset, cancellationToken))
        {
            // Fan-out commits after its appends: the record lies below where the inbox partition ended at the first look. What delivery has not seen although it has seen
            // all of that was never appended. The end as it is now would not do: in a cell where people talk delivery is never there.
            var seen = await log.GetCommittedAsync(DeliveryRole.Group, new TopicPartition(Topics.InboxTopic, inbox), cancellationToken);
            if (!awaited.TryGetValue((number, inbox), out var wait) || wait.Offset != record.Offset)
            {
                wait = (record.Offset, (await log.GetOffsetsAsync(new TopicPartition(Topics.InboxTopic, inbox), cancellationToken)).Next);
                awaited[(number, inbox)] = wait;
            }
            if ((seen?.NextOffset ?? 0) < wait.End) return new AuditResult(AuditOutcome.Pending);
            if (!await IsDeliveredAsync(inbox, number, record.Offset, cancellationToken)) return new AuditResult(AuditOutcome.Lost, "fanout", id, user);
        }

        // From where this partition's message before was found; the inbox holds one source's messages in its order.
        var begin = new InboxCursor(InboxCursor.InitialEpoch, InboxCursor.BucketOf(record.AppendTime) - 1, -1);
        if (places.TryGet((number, user), out var place) && place > begin)
        {
            var near = await ScanAsync(user, place, number, id, cancellationToken);
            if (near is AuditOutcome.Found or AuditOutcome.Doubled) return new AuditResult(near, null, id, user);
        }
        var outcome = await ScanAsync(user, begin, number, id, cancellationToken);
        return new AuditResult(outcome, outcome == AuditOutcome.Lost ? "inbox" : null, id, user);
    }

    private async ValueTask<AuditOutcome> ScanAsync(string user, InboxCursor after, ushort number, Ulid id, CancellationToken cancellationToken)
    {
        for (var read = 0; read < MaxReads; read++)
        {
            var rows = await store.ReadInboxAsync(user, after, RowsPerRead, cancellationToken);
            for (var i = 0; i < rows.Count; i++)
            {
                if (InboxRecord.Decode(rows[i].Payload).EventId != id) continue;
                places.Set((number, user), rows[i].Cursor);
                return IsAgain(rows, i + 1, id) ? AuditOutcome.Doubled : AuditOutcome.Found;
            }
            if (rows.Count < RowsPerRead) return AuditOutcome.Lost;
            after = rows[^1].Cursor;
        }
        // The next search for this user goes on from here.
        places.Set((number, user), after);
        return AuditOutcome.Unknown;
    }

    private static bool IsAgain(IReadOnlyList<InboxRow> rows, int from, Ulid id)
    {
        for (var i = from; i < Math.Min(rows.Count, from + RowsForDoubles); i++)
        {
            if (InboxRecord.Decode(rows[i].Payload).EventId == id) return true;
        }
        return false;
    }

    /// <summary>Marks only rise: those that were read before do while they are high enough.</summary>
    private async ValueTask<bool> IsDeliveredAsync(int inbox, ushort number, long offset, CancellationToken cancellationToken)
    {
        var source = InboxSource.Create(cells.CellNumber, number, 0);
        if (Reached(marks.GetValueOrDefault(inbox))) return true;
        return Reached(marks[inbox] = await store.LoadHighWaterAsync(inbox, cancellationToken));

        bool Reached(IReadOnlyDictionary<long, long>? known) => known is not null && known.TryGetValue(source, out var mark) && mark >= InboxSource.Offset(offset);
    }

    /// <summary>Those who were members at the offset and live here; of many, as many in a row as are looked into, beginning at another one each time.</summary>
    private IEnumerable<string> Sample(ChannelRow channel, long offset)
    {
        var users = new List<string>();
        foreach (var member in channel.Members)
        {
            if (member.From >= offset || member.Until < offset) continue;
            if (cells.TryGetHome(member.UserId, out var home) && home == cells.CellName) users.Add(member.UserId);
        }
        for (var i = 0; i < Math.Min(users.Count, MaxRecipients); i++) yield return users[(int)((offset + i) % users.Count)];
    }
}
