namespace Chat.Cells.Cell.Records;

/// <summary>
/// A record of <c>chat.bridge.{cell}</c>, keyed by channel id: one judged event for another cell. It is copied as it is into the target's
/// <c>{source}.chat.bridge.{target}</c> and served there.
/// </summary>
/// <param name="OriginCell">Number of the cell whose judge made it.</param>
/// <param name="OriginPartition">That cell's log partition number.</param>
/// <param name="OriginOffset">The judged record's offset there.</param>
/// <param name="Hops">How often it was passed on.</param>
public sealed record BridgeRecord(ushort OriginCell, ushort OriginPartition, long OriginOffset, int Hops, BridgeBody Body)
{
    private const byte Format = 1;

    public static byte[] Encode(BridgeRecord record)
    {
        using var scratch = Scratch.Take();
        var w = new RecordWriter(scratch.Buffer);
        w.Byte(Format);
        w.Int(record.OriginCell);
        w.Int(record.OriginPartition);
        w.Int(record.OriginOffset);
        w.Int(record.Hops);
        switch (record.Body)
        {
            case BridgedMessage b:
                w.Byte(1);
                w.Text(b.ChannelId);
                w.Ulid(b.MessageId);
                w.Text(b.SenderId);
                w.Text(b.ContentType);
                w.Bytes(b.Content.Span);
                w.OptionalUlid(b.ReplyTo);
                w.Int(b.ChannelVersion);
                w.Texts(b.Recipients);
                break;
            case BridgedChannelRecord b:
                w.Byte(2);
                w.Text(b.ChannelId);
                w.Bytes(b.Record.Span);
                break;
            case BridgedReceipt b:
                w.Byte(3);
                w.Text(b.ChannelId);
                w.Text(b.UserId);
                w.OptionalUlid(b.DeliveredUpTo);
                w.OptionalUlid(b.ReadUpTo);
                w.Texts(b.Recipients);
                break;
            case BridgedChange b:
                w.Byte(4);
                w.Text(b.ChannelId);
                w.Ulid(b.MessageId);
                w.Ulid(b.EventId);
                w.Text(b.SenderId);
                w.Text(b.ChangedBy);
                w.Byte(b.IsDeletion ? (byte)1 : (byte)0);
                w.Text(b.ContentType);
                w.Bytes(b.Content.Span);
                w.Int(b.ChannelVersion);
                w.Texts(b.Recipients);
                break;
            default:
                throw new ArgumentException($"No encoding for {record.Body.GetType().Name}.", nameof(record));
        }
        return scratch.ToArray();
    }

    /// <exception cref="RecordFormatException">Malformed.</exception>
    public static BridgeRecord Decode(ReadOnlyMemory<byte> bytes)
    {
        var r = new RecordReader(bytes);
        var format = r.Byte();
        if (format != Format) throw new RecordFormatException($"Bridge record format {format} is not known.");
        var cell = UInt16(r.Int());
        var partition = UInt16(r.Int());
        var offset = r.Int();
        var hops = (int)r.Int();
        var kind = r.Byte();
        var channelId = r.Text();
        BridgeBody body = kind switch
        {
            1 => new BridgedMessage(channelId, r.Ulid(), r.Text(), r.Text(), r.Bytes(), r.OptionalUlid(), (int)r.Int(), r.Texts(1_000)),
            2 => new BridgedChannelRecord(channelId, r.Bytes()),
            3 => new BridgedReceipt(channelId, r.Text(), r.OptionalUlid(), r.OptionalUlid(), r.Texts(1_000)),
            4 => new BridgedChange(channelId, r.Ulid(), r.Ulid(), r.Text(), r.Text(), r.Flag(), r.Text(), r.Bytes(), (int)r.Int(), r.Texts(1_000)),
            _ => throw new RecordFormatException($"Bridge record kind {kind} is not known."),
        };
        return new BridgeRecord(cell, partition, offset, hops, body);
    }

    private static ushort UInt16(long value) => value <= ushort.MaxValue ? (ushort)value : throw new RecordFormatException("A number has more than 16 bits.");
}

/// <summary>What a bridge record carries.</summary>
public abstract record BridgeBody(string ChannelId);

/// <summary>A judged message with the recipients who live in the target.</summary>
public sealed record BridgedMessage(
    string ChannelId,
    Ulid MessageId,
    string SenderId,
    string ContentType,
    ReadOnlyMemory<byte> Content,
    Ulid? ReplyTo,
    int ChannelVersion,
    IReadOnlyList<string> Recipients) : BridgeBody(ChannelId);

/// <summary>A judged edit or deletion with the recipients who live in the target.</summary>
/// <param name="SenderId">The message's sender, as the judge knows it.</param>
/// <param name="ContentType">Empty for a deletion.</param>
/// <param name="Content">UTF-8; empty for a deletion.</param>
public sealed record BridgedChange(
    string ChannelId,
    Ulid MessageId,
    Ulid EventId,
    string SenderId,
    string ChangedBy,
    bool IsDeletion,
    string ContentType,
    ReadOnlyMemory<byte> Content,
    int ChannelVersion,
    IReadOnlyList<string> Recipients) : BridgeBody(ChannelId);

/// <summary>An encoded <see cref="SnapshotRecord"/> (from the channel's home) or <see cref="CommandRecord"/> (to it), for the target's channel partition.</summary>
public sealed record BridgedChannelRecord(string ChannelId, ReadOnlyMemory<byte> Record) : BridgeBody(ChannelId);

/// <summary>A member's pointers, for the authors who live in the target.</summary>
public sealed record BridgedReceipt(string ChannelId, string UserId, Ulid? DeliveredUpTo, Ulid? ReadUpTo, IReadOnlyList<string> Recipients) : BridgeBody(ChannelId);
