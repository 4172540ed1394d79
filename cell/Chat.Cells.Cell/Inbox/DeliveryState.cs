using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Inbox;

/// <summary>
/// What delivery knows of its inbox partition. Its decisions are a function of the log below a record, so that two workers that hold the partition at once write
/// the same rows.
/// </summary>
/// <param name="bucket">The highest bucket below the first record.</param>
/// <param name="marks">The stored high-water marks: source to highest delivered source offset.</param>
public sealed class DeliveryState(int bucket, IReadOnlyDictionary<long, long> marks)
{
    /// <summary>How many users' latest cursors are kept at least.</summary>
    private const int Capacity = 20_000;

    private readonly Dictionary<long, long> marks = new(marks);

    /// <summary>The bucket of the last record.</summary>
    public int Bucket { get; private set; } = bucket;

    /// <summary>The latest cursors of recent recipients.</summary>
    public RecentCache<string, InboxCursor> Latest { get; } = new(Capacity);

    /// <summary>The place of a record in its recipients' inboxes.</summary>
    public InboxCursor CursorOf(long offset, long appendTime)
    {
        Bucket = Math.Max(Bucket, InboxCursor.BucketOf(appendTime));
        return new InboxCursor(InboxCursor.InitialEpoch + LogOffset.GenerationOf(offset), Bucket, offset);
    }

    /// <summary>Decides whether a record is delivered; then it counts as delivered.</summary>
    public Admission Admit(InboxPlace record)
    {
        var mark = MarkOf(record.Source);
        if (record.SourceOffset <= mark) return Admission.Duplicate;
        if (record.Previous > mark) return Admission.Gap;
        Raise(record);
        return Admission.Deliver;
    }

    /// <summary>The highest delivered offset of a source; -1 when there is none.</summary>
    public long MarkOf(long source) => marks.GetValueOrDefault(source, -1);

    /// <summary>A record counts as delivered, whatever is missing before it.</summary>
    public void Raise(InboxPlace record) => marks[record.Source] = record.SourceOffset;
}

/// <summary>What becomes of an inbox record.</summary>
public enum Admission
{
    Deliver,

    /// <summary>It was delivered before.</summary>
    Duplicate,

    /// <summary>The record before it was not seen. If its append failed, the producer will append both again; else see <see cref="LostPredecessor"/>.</summary>
    Gap,
}
