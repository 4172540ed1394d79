namespace Chat.Cells.Cell.Records;

/// <summary>
/// A record of <c>chat.inbox</c>: one event for the recipients whose inboxes lie in one partition. A judged record makes at most one per inbox partition (a change
/// of members two: one for the members, one for those who were removed).
/// </summary>
/// <param name="Source">Where it comes from, see <see cref="InboxSource"/>.</param>
/// <param name="SourceOffset">Grows strictly within a source and inbox partition; delivery drops what is at or below its high-water mark.</param>
/// <param name="Recipients">User ids; empty in a stored inbox row.</param>
/// <param name="SenderId">For messages and their changes: who sent or changed it, and whose own devices get <paramref name="RequestId"/>.</param>
/// <param name="Payload">
/// The JSON members of the frame's payload, UTF-8, without braces and without <c>cursor</c> and <c>requestId</c>. Empty for a message whose content is over
/// <see cref="MaxInlineContent"/>: then the reader takes the message row. For an edit with such a content only the message's id, 16 bytes: see <see cref="IsReference"/>.
/// </param>
/// <param name="Previous">
/// The source offset that its producer appended before this one to the same inbox partition in the same batch; null for the first of a batch. Delivery drops a
/// record whose previous one it has not seen (that append failed, so the producer starts again and appends both): a failed append never leaves a hole. Delivery
/// tells it from a previous one that was appended and can't be had any more, see <see cref="Inbox.LostPredecessor"/>.
/// </param>
public sealed record InboxRecord(
    long Source,
    long SourceOffset,
    IReadOnlyList<string> Recipients,
    InboxKind Kind,
    string ChannelId,
    Ulid EventId,
    string SenderId,
    string RequestId,
    int ChannelVersion,
    ReadOnlyMemory<byte> Payload,
    long? Previous = null)
{
    /// <summary>The most bytes of content that an inbox record copies.</summary>
    public const int MaxInlineContent = 4096;

    private const byte Format = 1;
    private const int IdLength = 16;

    /// <summary>The payload stands in the store: a message's row, or the change that <see cref="ReferredMessage"/> keeps.</summary>
    public bool IsReference => Payload.IsEmpty || (Kind == InboxKind.MessageChanged && Payload.Length == IdLength);

    /// <summary>The message whose row or change a reference means; for what is no reference the event's id.</summary>
    public Ulid ReferredMessage => IsReference && !Payload.IsEmpty ? new Ulid(Payload.Span) : EventId;

    /// <summary>Where it stands in its source's order.</summary>
    public InboxPlace Place => new(Source, SourceOffset, Previous);

    public static byte[] Encode(InboxRecord record) => Encode(record, record.Recipients, record.Previous);

    /// <summary>As it stands in a recipient's inbox: no recipients, and nothing before it.</summary>
    public static byte[] EncodeRow(InboxRecord record) => Encode(record, [], null);

    /// <summary>The part for some of its recipients.</summary>
    /// <param name="previous">See <see cref="Previous"/>.</param>
    public static byte[] Encode(InboxRecord record, IReadOnlyList<string> recipients, long? previous)
    {
        using var scratch = Scratch.Take();
        var w = new RecordWriter(scratch.Buffer);
        w.Byte(Format);
        w.Byte((byte)record.Kind);
        w.UInt64((ulong)record.Source);
        w.Int(record.SourceOffset);
        w.Text(record.ChannelId);
        w.Ulid(record.EventId);
        w.Text(record.SenderId);
        w.Text(record.RequestId);
        w.Int(record.ChannelVersion);
        w.Bytes(record.Payload.Span);
        w.Texts(recipients);
        w.Int(previous is { } before ? before + 1 : 0);
        return scratch.ToArray();
    }

    /// <summary>
    /// The place of a record that can't be decoded, of a format that is not known yet among them: null when it has none. For that, every format begins with its number, the
    /// kind, the source and the source offset, as this one does, and every later one goes on with <see cref="Previous"/> (this one has it at its end, where it isn't looked for).
    /// What nobody's fan-out wrote is not taken for a place: a source has 48 bits.
    /// </summary>
    public static InboxPlace? FindPlace(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            var r = new RecordReader(bytes);
            var format = r.Byte();
            if (format == 0 || r.Byte() == 0) return null;
            var source = r.UInt64();
            if (source >> InboxSource.Bits != 0) return null;
            var offset = r.Int();
            var previous = format == Format ? 0 : r.Int();
            return new InboxPlace((long)source, offset, previous == 0 ? null : previous - 1);
        }
        catch (RecordFormatException)
        {
            // Ends too early, or isn't a number: the record is put aside with the reason that decoding it gave.
            return null;
        }
    }

    /// <exception cref="RecordFormatException">Malformed.</exception>
    public static InboxRecord Decode(ReadOnlyMemory<byte> bytes)
    {
        var r = new RecordReader(bytes);
        var format = r.Byte();
        if (format != Format) throw new RecordFormatException($"Inbox record format {format} is not known.");
        var kind = (InboxKind)r.Byte();
        var source = (long)r.UInt64();
        var offset = r.Int();
        var channelId = r.SharedText();
        var eventId = r.Ulid();
        var sender = r.SharedText();
        var requestId = r.Text();
        var version = (int)r.Int();
        var payload = r.Bytes();
        var recipients = r.Texts(1_000);
        var previous = r.Int();
        return new InboxRecord(source, offset, recipients, kind, channelId, eventId, sender, requestId, version, payload, previous == 0 ? null : previous - 1);
    }
}

/// <summary>Where an inbox record stands in the order of its source.</summary>
/// <param name="Source">See <see cref="InboxSource"/>.</param>
/// <param name="SourceOffset">See <see cref="InboxRecord.SourceOffset"/>.</param>
/// <param name="Previous">See <see cref="InboxRecord.Previous"/>.</param>
public readonly record struct InboxPlace(long Source, long SourceOffset, long? Previous);

public enum InboxKind : byte
{
    /// <summary>Frame <c>new_message</c>.</summary>
    Message = 1,

    /// <summary>Frame <c>channel_changed</c>.</summary>
    ChannelChanged = 2,

    /// <summary>Frame <c>read</c>: the user read on another device.</summary>
    Read = 3,

    /// <summary>Frame <c>message_changed</c>.</summary>
    MessageChanged = 4,
}

/// <summary>
/// The stream of judged records that an inbox record comes from: cell number, that cell's log partition number, and a lane (0 at home; 1 + bridge partition for
/// records that came by bridge). Within one source and one inbox partition the offsets arrive in order.
/// </summary>
public static class InboxSource
{
    /// <summary>How many bits a source has.</summary>
    public const int Bits = 48;

    public static long Create(ushort cellNumber, ushort logPartition, ushort lane) => ((long)cellNumber << 32) | ((long)logPartition << 16) | lane;

    /// <summary>The source offset of the inbox record that a log record makes.</summary>
    public static long Offset(long logOffset) => logOffset * 2;

    /// <summary>The source offset of a second inbox record (for those whom a change removed).</summary>
    public static long SecondOffset(long logOffset) => (logOffset * 2) + 1;
}
